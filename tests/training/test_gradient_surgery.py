from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.configs.choices import SURGERIES, Surgery
from tfrec_mt.training.gradient_surgery import join_gradients


def vectors(*rows: Any) -> list[list[tf.Tensor]]:
    """Each task's gradient of two variables: the first two numbers and the rest."""
    return [[tf.constant(row[:2], tf.float32), tf.constant([row[2:]], tf.float32)] for row in rows]


def flat(gradients: Any) -> np.ndarray:
    return np.concatenate([np.ravel(tf.convert_to_tensor(g).numpy()) for g in gradients])


def longhand(tasks: np.ndarray, surgery: str) -> np.ndarray:
    """The definitions, projection by projection."""

    def project(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        inner = one @ other
        return one - inner / (other @ other) * other if inner < 0 else one

    if surgery == "none":
        return tasks.sum(axis=0)
    if surgery == "mtrec":
        main, auxiliary = tasks[0], tasks[1:].sum(axis=0)
        return project(main, auxiliary) + project(auxiliary, main)
    total = np.zeros_like(tasks[0])
    for i, own in enumerate(tasks):
        for j, other in enumerate(tasks):
            if i != j:
                own = project(own, other)
        total += own
    return total


def test_conflict_by_hand() -> None:
    # m.a = -4, m.m = 4, a.a = 16 + 9 = 25... m loses its share of a and a its share of m:
    # m' = (2, 0) + 8/25 (-4, 3) = (.72, .96);  a' = (-4, 3) + 8/4 (2, 0) = (0, 3)
    tasks = vectors([2, 0, 0, 0], [-4, 3, 0, 0])
    for surgery in ("mtrec", "pcgrad"):
        joined = join_gradients(tasks, surgery)
        np.testing.assert_allclose(flat(joined.gradients), [0.72, 3.96, 0, 0], rtol=1e-6)
        assert float(joined.cosine) == pytest.approx(-0.8)
    np.testing.assert_array_equal(flat(join_gradients(tasks, "none").gradients), [-2, 3, 0, 0])


def test_variables_are_one_vector() -> None:
    # the first variable's parts conflict, the whole does not
    tasks = vectors([1, 0, 3, 0], [-1, 0, 3, 0])
    joined = join_gradients(tasks, "mtrec")
    np.testing.assert_array_equal(flat(joined.gradients), [0, 0, 6, 0])
    assert float(joined.cosine) == pytest.approx(0.8)


@pytest.mark.parametrize("surgery", SURGERIES)
def test_without_conflict_it_is_the_plain_sum_bit_for_bit(surgery: Surgery) -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(2, 1000)).astype(np.float32)
    one[1] += 0.5 * one[0]
    joined = join_gradients([[tf.constant(row)] for row in one], surgery)
    np.testing.assert_array_equal(joined.gradients[0].numpy(), one[0] + one[1])


@pytest.mark.parametrize("surgery", SURGERIES)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_equals_longhand(surgery: Surgery, count: int) -> None:
    for seed in range(5):
        tasks = np.random.default_rng(seed).normal(size=(count, 6))
        joined = join_gradients(vectors(*tasks.astype(np.float32)), surgery)
        np.testing.assert_allclose(
            flat(joined.gradients), longhand(tasks, surgery), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("surgery", SURGERIES)
def test_a_zero_gradient_leaves_the_other_alone(surgery: Surgery) -> None:
    for order in (1, -1):
        tasks = vectors(*[[0, 0, 0, 0], [1, -2, 3, 4]][::order])
        joined = join_gradients(tasks, surgery)
        np.testing.assert_array_equal(flat(joined.gradients), [1, -2, 3, 4])
        assert float(joined.cosine) == 0.0


def test_what_one_task_alone_reaches_keeps_its_gradient_and_counts_for_nothing() -> None:
    (shared_main, head_main), (shared_other, _) = vectors([2, 0, 100, 7], [-4, 3, 0, 0])
    tasks = [[shared_main, head_main, None, None], [shared_other, None, head_main, None]]
    joined = join_gradients(tasks, "mtrec")
    np.testing.assert_allclose(joined.gradients[0].numpy(), [0.72, 3.96], rtol=1e-6)
    np.testing.assert_array_equal(joined.gradients[1].numpy(), head_main.numpy())
    np.testing.assert_array_equal(joined.gradients[2].numpy(), head_main.numpy())
    assert joined.gradients[3] is None
    assert float(joined.cosine) == pytest.approx(-0.8)


def test_sparse_gradients_equal_dense_ones_and_stay_sparse() -> None:
    rng = np.random.default_rng(1)
    shape = tf.constant([9, 3])
    # rows occur twice within a task and in both
    slices = [
        tf.IndexedSlices(tf.constant(rng.normal(size=(4, 3)), tf.float32), tf.constant(rows), shape)
        for rows in ([1, 4, 1, 8], [4, 0, 4, 1])
    ]
    plain = [tf.constant(rng.normal(size=5), tf.float32) for _ in slices]
    dense = [[tf.convert_to_tensor(s), p] for s, p in zip(slices, plain, strict=True)]
    for surgery in SURGERIES:
        expected = join_gradients(dense, surgery)
        joined = join_gradients([[s, p] for s, p in zip(slices, plain, strict=True)], surgery)
        table = joined.gradients[0]
        assert isinstance(table, tf.IndexedSlices)
        assert sorted(table.indices.numpy()) == [0, 1, 4, 8]
        np.testing.assert_allclose(
            tf.convert_to_tensor(table).numpy(), expected.gradients[0].numpy(), atol=1e-6
        )
        np.testing.assert_allclose(joined.gradients[1], expected.gradients[1], atol=1e-6)
        assert float(joined.cosine) == pytest.approx(float(expected.cosine), abs=1e-6)


def test_a_sparse_gradient_beside_a_dense_one_is_made_dense() -> None:
    sparse = tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([0, 0]), tf.constant([2, 1]))
    joined = join_gradients([[sparse], [tf.constant([[1.0], [1.0]])]], "mtrec")
    np.testing.assert_array_equal(joined.gradients[0].numpy(), [[4.0], [1.0]])


def test_wrong_arguments() -> None:
    task = [tf.constant([1.0])]
    with pytest.raises(ValueError, match="one of mtrec, pcgrad, none, got 'gradvac'"):
        join_gradients([task, task], "gradvac")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"two tasks or more .* lengths \[1\]"):
        join_gradients([task], "mtrec")
    with pytest.raises(ValueError, match=r"lengths \[1, 2\]"):
        join_gradients([task, task * 2], "mtrec")

"""Row gradients are summed and clipped like the dense gradients they stand for."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.training.optimizers.row_sparse_optimizer import (
    RowSparseOptimizer,
    sum_duplicate_rows,
)


class Recorder(RowSparseOptimizer):
    """Keeps what the two rules are called with."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(learning_rate=0.5, **kwargs)
        self.calls: list[tuple[Any, ...]] = []

    def update_dense(self, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        self.calls.append((None, gradient.numpy()))

    def update_rows(
        self, rows: tf.Tensor, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor
    ) -> None:
        self.calls.append((rows.numpy(), gradient.numpy()))


def summed_by_hand(
    indices: np.ndarray[Any, Any], values: np.ndarray[Any, Any]
) -> dict[int, np.ndarray[Any, Any]]:
    sums: dict[int, np.ndarray[Any, Any]] = {}
    for index, value in zip(indices.tolist(), values, strict=True):
        sums[index] = sums[index] + value if index in sums else value
    return sums


@pytest.mark.parametrize("on_cpu", [True, False])
@pytest.mark.parametrize("shape", [(), (1,), (8,), (31,), (32,), (3, 5)])
def test_slices_of_a_row_are_added(shape: tuple[int, ...], on_cpu: bool) -> None:
    rng = np.random.default_rng(3)
    indices = rng.integers(0, 9, size=60)
    values = rng.normal(size=(60, *shape)).astype(np.float32)
    summed = sum_duplicate_rows(
        tf.IndexedSlices(tf.constant(values), tf.constant(indices)), on_cpu=on_cpu
    )
    expected = summed_by_hand(indices, values)
    # In order of first appearance, which is the order of a dict.
    assert summed.indices.numpy().tolist() == list(expected)
    np.testing.assert_array_equal(summed.values, np.stack(list(expected.values())))


def test_a_gradient_of_no_rows_stays_empty() -> None:
    empty = tf.IndexedSlices(tf.zeros([0, 4]), tf.zeros([0], tf.int32))
    summed = sum_duplicate_rows(empty, on_cpu=True)
    assert summed.values.shape == (0, 4)
    assert summed.indices.shape == (0,)


def test_each_gradient_goes_to_its_rule() -> None:
    optimizer = Recorder()
    table, matrix = tf.Variable(tf.zeros([6, 2])), tf.Variable(tf.zeros([2, 2]))
    rows = tf.IndexedSlices(tf.ones([3, 2]), tf.constant([4, 1, 4], tf.int64))
    optimizer.apply([rows, tf.ones([2, 2])], [table, matrix])
    (indices, values), (no_rows, dense) = optimizer.calls
    assert indices.tolist() == [4, 1]
    assert values.tolist() == [[2, 2], [1, 1]]
    assert no_rows is None
    assert dense.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("option", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_clipping_works_on_summed_rows_and_keeps_them_sparse(option: str) -> None:
    limit = 1.5
    optimizer = Recorder(**{option: limit})
    table, matrix = tf.Variable(tf.zeros([6, 2])), tf.Variable(tf.zeros([2]))
    values = np.array([[1, 2], [3, 0], [2, -1]], np.float32)
    dense = np.array([0.5, -4], np.float32)
    gradient = tf.IndexedSlices(tf.constant(values), tf.constant([4, 1, 4]))
    optimizer.apply([gradient, tf.constant(dense)], [table, matrix])

    rows = np.array([[3, 1], [3, 0]], np.float32)  # Rows 4 and 1.
    if option == "clipvalue":
        expected = [np.clip(rows, -limit, limit), np.clip(dense, -limit, limit)]
    else:
        norms = [np.sqrt((rows**2).sum()), np.sqrt((dense**2).sum())]
        if option == "global_clipnorm":
            norms = [np.hypot(*norms)] * 2
        expected = [g * limit / n for g, n in zip([rows, dense], norms, strict=True)]
    (indices, clipped_rows), (_, clipped_dense) = optimizer.calls
    assert indices.tolist() == [4, 1]
    np.testing.assert_allclose(clipped_rows, expected[0], rtol=1e-6)
    np.testing.assert_allclose(clipped_dense, expected[1], rtol=1e-6)

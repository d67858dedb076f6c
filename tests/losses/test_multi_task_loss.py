from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.losses.multi_task_loss import EPSILON, log_loss, multi_task_loss, row_losses
from tfrec_mt.schema import Task, click_tasks

ROWS = 8
TASKS = click_tasks("click", "order")


def example() -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(0)
    chances = {t: rng.random((ROWS, 1)).astype(np.float32) for t in ("ctr", "ctcvr")}
    labels = {t: (rng.random(ROWS) < 0.5).astype(np.float32) for t in chances}
    return chances, labels


def longhand(chances: Any, labels: Any, weights: Any) -> float:
    total = 0.0
    for chance, label, weight in zip(chances[:, 0], labels, weights, strict=True):
        total -= weight * np.log(float(chance) if label else 1.0 - float(chance))
    return total / float(sum(weights))


def test_log_loss_of_certain_and_wrong_is_large_and_finite() -> None:
    losses = log_loss(tf.constant([0.0, 1.0, 0.0, 1.0]), tf.constant([1.0, 0.0, 0.0, 1.0])).numpy()
    # 1 - EPSILON is rounded to a neighbouring float32
    np.testing.assert_allclose(losses[:2], -np.log(EPSILON), rtol=0.02)
    np.testing.assert_allclose(losses[2:], 0.0, atol=2 * EPSILON)


def test_sum_over_tasks_of_means_over_rows() -> None:
    chances, labels = example()
    loss, means = multi_task_loss(chances, labels, TASKS)
    assert list(means) == ["ctr", "ctcvr"]
    for task, mean in means.items():
        expected = longhand(chances[task], labels[task], np.ones(ROWS))
        np.testing.assert_allclose(mean.numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(loss.numpy(), means["ctr"] + means["ctcvr"], rtol=1e-6)


def test_task_weights_count_in_the_loss_only() -> None:
    chances, labels = example()
    _, plain = multi_task_loss(chances, labels, TASKS)
    loss, means = multi_task_loss(chances, labels, TASKS, {"ctcvr": 0.25})
    assert {t: float(m) for t, m in means.items()} == {t: float(m) for t, m in plain.items()}
    np.testing.assert_allclose(loss.numpy(), means["ctr"] + 0.25 * means["ctcvr"], rtol=1e-6)


def test_means_are_over_row_weights() -> None:
    chances, labels = example()
    weights = np.array([0, 0, 1, 2, 0.5, 1, 0, 1], np.float32)
    _, means = multi_task_loss(chances, labels, TASKS, row_weights=weights)
    for task, mean in means.items():
        expected = longhand(chances[task], labels[task], weights)
        np.testing.assert_allclose(mean.numpy(), expected, rtol=1e-5)


def test_rows_of_no_weight_have_no_loss_and_no_gradient() -> None:
    chances, labels = example()
    given = {task: tf.constant(values) for task, values in chances.items()}
    with tf.GradientTape() as tape:
        tape.watch(given)
        loss, _ = multi_task_loss(given, labels, TASKS, row_weights=np.zeros(ROWS, np.float32))
    assert float(loss) == 0.0
    for gradient in tape.gradient(loss, given).values():
        np.testing.assert_array_equal(gradient.numpy(), 0.0)


def test_gradient_is_that_of_the_mean_cross_entropy() -> None:
    chances, labels = example()
    given = tf.constant(chances["ctr"])
    with tf.GradientTape() as tape:
        tape.watch(given)
        loss, _ = multi_task_loss({"ctr": given}, labels, TASKS[:1])
    p, y = chances["ctr"][:, 0].astype(np.float64), labels["ctr"]
    expected = (p - y) / (p * (1 - p)) / ROWS
    np.testing.assert_allclose(tape.gradient(loss, given).numpy()[:, 0], expected, rtol=1e-4)


def test_a_task_without_labels_is_named() -> None:
    chances, labels = example()
    with pytest.raises(KeyError, match="ctcvr"):
        multi_task_loss(chances, {"ctr": labels["ctr"]}, TASKS)


def test_a_row_without_a_label_changes_no_gradient() -> None:
    chances, labels = example()
    partial = {**labels, "ctcvr": np.where(np.arange(ROWS) % 3 == 0, np.nan, labels["ctcvr"])}
    partial["ctcvr"] = partial["ctcvr"].astype(np.float32)
    known = np.flatnonzero(~np.isnan(partial["ctcvr"]))
    given = {task: tf.constant(values) for task, values in chances.items()}
    with tf.GradientTape() as tape:
        tape.watch(given)
        loss, means = multi_task_loss(given, partial, TASKS)
    gradients = tape.gradient(loss, given)
    rest = tf.constant(chances["ctcvr"][known])
    with tf.GradientTape() as tape:
        tape.watch(rest)
        alone, _ = multi_task_loss(
            {"ctcvr": rest}, {"ctcvr": labels["ctcvr"][known]}, (Task("ctcvr"),)
        )
    np.testing.assert_allclose(means["ctcvr"], alone, rtol=1e-6)
    found = gradients["ctcvr"].numpy()
    np.testing.assert_allclose(found[known], tape.gradient(alone, rest).numpy(), rtol=1e-5)
    np.testing.assert_array_equal(np.delete(found, known, axis=0), 0.0)


def test_complete_labels_have_the_plain_mean_to_the_bit() -> None:
    chances, labels = example()
    _, means = multi_task_loss(chances, labels, TASKS)
    for task, mean in means.items():
        plain = tf.reduce_mean(log_loss(tf.reshape(chances[task], [-1]), labels[task]))
        assert mean.numpy().tobytes() == plain.numpy().tobytes()


@pytest.mark.parametrize("loss", ["squared", "absolute", "squared_log"])
def test_regressions_count_in_deviations(loss: Any) -> None:
    task = Task("seconds", kind="regression", loss=loss, mean=3.0, std=2.0)
    predicted = np.array([[1.0], [4.0], [0.0]], np.float32)
    labels = np.array([2.0, np.nan, 9.0], np.float32)
    found, _ = multi_task_loss({"seconds": predicted}, {"seconds": labels}, (task,))
    pairs = [(1.0, 2.0), (0.0, 9.0)]
    if loss == "absolute":
        expected = np.mean([abs(p - y) / 2.0 for p, y in pairs])
    else:
        scale = np.log1p if loss == "squared_log" else np.asarray
        expected = np.mean([0.5 * ((scale(p) - scale(y)) / 2.0) ** 2 for p, y in pairs])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_prediction_below_zero_is_pulled_up() -> None:
    task = Task("seconds", kind="regression", loss="squared_log")
    predictions = tf.Variable([-0.5, 0.5])
    with tf.GradientTape() as tape:
        losses = row_losses(task, predictions, tf.constant([3.0, 3.0]))
    below, above = tape.gradient(losses, predictions).numpy()
    assert below < above < 0

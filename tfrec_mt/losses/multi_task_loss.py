"""Combines the losses of several tasks into one number."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.losses.over_replicas import mean_over_replicas
from tfrec_mt.schema import Task
from tfrec_mt.schema.task import ROW_WEIGHT


def check_task_weights(weights: Mapping[str, float], tasks: Collection[str]) -> None:
    """Checks that every weight belongs to a task and is at least 0.

    Raises:
      SchemaError: Names the task of a wrong weight.
    """
    for task, weight in weights.items():
        if task not in tasks:
            raise SchemaError(f"task_weights: no task {task!r}; {nearest(task, tasks)}")
        if weight < 0:
            raise SchemaError(f"task_weights: expected at least 0 for {task!r}, got {weight}")


EPSILON = 1e-7
_LEAST = -0.99  # least prediction whose logarithm is taken; below 0 a model must still learn


def log_loss(probabilities: Any, labels: Any) -> Any:
    """Cross-entropy of each row in nats, `[B]`, from probabilities and labels of `[B]`."""
    chances = tf.clip_by_value(probabilities, EPSILON, 1.0 - EPSILON)
    return -(labels * tf.math.log(chances) + (1.0 - labels) * tf.math.log1p(-chances))


def row_losses(task: Task, predictions: Any, labels: Any) -> Any:
    """Loss of each row, `[B]`, 0 without a label; regression errors in standard deviations.

    Args:
      task: The task.
      predictions: `[B, 1]` or `[B]`.
      labels: `[B]`, NaN for none.
    """
    predictions, known = tf.reshape(predictions, [-1]), observed(labels)
    # before the loss, or the gradient of the branch not chosen would be NaN
    labels = tf.where(known, labels, 0.0)
    if task.binary:
        losses = log_loss(predictions, labels)
    elif task.loss == "absolute":
        losses = tf.abs(predictions - labels) / task.std
    else:
        if task.loss == "squared_log":
            predictions = tf.math.log1p(tf.maximum(predictions, _LEAST))
            labels = tf.math.log1p(labels)
        losses = 0.5 * tf.square((predictions - labels) / task.std)
    return tf.where(known, losses, 0.0)


def observed(labels: Any) -> Any:
    """Which labels are observed, bool `[B]`."""
    return ~tf.math.is_nan(labels)


def weights_of(tasks: Sequence[Task], task_weights: Mapping[str, float] | None) -> dict[str, float]:
    """Weight of each task in the loss: its own, unless a run sets another."""
    return {task.name: task.weight for task in tasks} | dict(task_weights or {})


def multi_task_loss(
    predictions: Mapping[str, Any],
    labels: Mapping[str, Any],
    tasks: Sequence[Task],
    task_weights: Mapping[str, float] | None = None,
    row_weights: Any = None,
) -> tuple[Any, dict[str, Any]]:
    """Weighted sum over tasks of the mean loss over the rows that have a label.

    Where replicas share a batch, the mean over replicas of these means is that of the whole batch:
    each is over as many labels as a replica has on average.

    A task within another is learned on all rows: for `ctcvr`, a click and conversion, rows without
    a click are negatives too.

    Args:
      predictions: `{task: [B, 1]}`.
      labels: `{task: [B]}`, NaN for none; and if there is one, as `ROW_WEIGHT` the weight `[B]`.
      tasks: The tasks.
      task_weights: Weight by task; its own where absent (IAK paper, appendix C).
      row_weights: `[B]`; the mean is over the weights. All ones if None.

    Returns:
      The loss, and each task's own mean.
    """
    if ROW_WEIGHT in labels:
        own_weights = labels[ROW_WEIGHT]
        row_weights = own_weights if row_weights is None else row_weights * own_weights
    means = {}
    for task in tasks:
        own, known = labels[task.name], observed(labels[task.name])
        losses = row_losses(task, predictions[task.name], own)
        if row_weights is None:
            # a factor of 1, which changes no bit, if all labels are observed
            count = mean_over_replicas(tf.reduce_sum(tf.cast(known, losses.dtype)))
            share = tf.math.divide_no_nan(tf.cast(tf.size(own), losses.dtype), count)
            means[task.name] = tf.reduce_mean(losses) * share
        else:
            weights = tf.where(known, row_weights, 0.0)
            total = mean_over_replicas(tf.reduce_sum(weights))
            means[task.name] = tf.math.divide_no_nan(tf.reduce_sum(losses * weights), total)
    weights = weights_of(tasks, task_weights)
    loss = tf.add_n([means[task.name] * weights[task.name] for task in tasks])
    return loss, means

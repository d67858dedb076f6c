"""How the losses of several tasks become one number."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

EPSILON = 1e-7


def log_loss(probabilities: Any, labels: Any) -> Any:
    """Cross-entropy of each row in nats, `[B]`, from probabilities and labels of `[B]`."""
    chances = tf.clip_by_value(probabilities, EPSILON, 1.0 - EPSILON)
    return -(labels * tf.math.log(chances) + (1.0 - labels) * tf.math.log1p(-chances))


def multi_task_loss(
    probabilities: Mapping[str, Any],
    labels: Mapping[str, Any],
    task_weights: Mapping[str, float] | None = None,
    row_weights: Any = None,
) -> tuple[Any, dict[str, Any]]:
    """Weighted sum over tasks of the mean cross-entropy over rows.

    Every task is learned on all exposures: `ctcvr` is click and conversion, so rows without a click
    are its negatives too.

    Args:
      probabilities: `{task: [B, 1]}`.
      labels: `{task: [B]}`, 0 or 1.
      task_weights: Weight by task; 1 where absent (IAK paper, appendix C).
      row_weights: `[B]`; the mean is over the weights. All ones if None.

    Returns:
      The loss, and each task's own mean.
    """
    task_weights = task_weights or {}
    means = {}
    for task, chances in probabilities.items():
        losses = log_loss(tf.reshape(chances, [-1]), labels[task])
        if row_weights is None:
            means[task] = tf.reduce_mean(losses)
        else:
            total = tf.reduce_sum(row_weights)
            means[task] = tf.math.divide_no_nan(tf.reduce_sum(losses * row_weights), total)
    loss = tf.add_n([mean * task_weights.get(task, 1.0) for task, mean in means.items()])
    return loss, means

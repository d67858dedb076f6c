"""Noise-contrastive loss of a click among titles that were seen and not clicked."""

from typing import Any

import tensorflow as tf


def click_nce_loss(scores: Any, mask: Any) -> Any:
    """Mean over impressions of `-log(exp(s_0) / sum_j exp(s_j))`, in nats.

    Args:
      scores: `[B, C]`, the clicked title first.
      mask: `[B, C]` booleans, false where an impression has no such title.

    Returns:
      A scalar; an impression of which nothing else was seen adds 0.

    Reference:
      MTRec, equation 4 (which sums over impressions; the mean keeps the learning rate independent
      of the batch size).
    """
    scores = tf.where(mask, scores, scores.dtype.min)
    return tf.reduce_mean(tf.reduce_logsumexp(scores, axis=-1) - scores[:, 0])

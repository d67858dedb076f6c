"""Losses of a news model: of clicks, and of the classes and entities of titles.

Where replicas share a batch, means are over as many rows or weights as a replica has on average, so
that the mean over replicas is that of the whole batch.
"""

from typing import Any

import tensorflow as tf

from tfrec_mt.losses.over_replicas import mean_over_replicas


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


def class_loss(logits: Any, codes: Any, weights: Any) -> Any:
    """Weighted mean of the cross-entropy of classes, in nats.

    Args:
      logits: `[U, K]`; class `k` has code `k + 1`.
      codes: `[U]` int, 0 for an unknown class, which adds nothing.
      weights: `[U]`, at least 0.

    Returns:
      A scalar; 0 if no title has both a class and a weight.

    Reference:
      MTRec, equation 5.
    """
    known = tf.cast(codes > 0, logits.dtype) * weights
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(codes - 1, 0), logits)
    return _weighted_mean(losses, known)


def entity_loss(logits: Any, entities: Any, weights: Any) -> Any:
    """Weighted mean over titles of the mean cross-entropy over entities, in nats.

    Args:
      logits: `[U, E]`.
      entities: `[U, E]`, 1 for each entity of a title.
      weights: `[U]`, at least 0.

    Returns:
      A scalar; 0 if no title has a weight.

    Reference:
      Bi et al. 2022 (the original MTRec), where entities are the second auxiliary task.
    """
    losses = tf.reduce_mean(
        tf.nn.sigmoid_cross_entropy_with_logits(labels=entities, logits=logits), axis=-1
    )
    return _weighted_mean(losses, weights)


def _weighted_mean(losses: Any, weights: Any) -> Any:
    total = mean_over_replicas(tf.reduce_sum(weights))
    return tf.math.divide_no_nan(tf.reduce_sum(weights * losses), total)

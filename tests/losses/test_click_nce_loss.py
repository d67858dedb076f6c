import math

import numpy as np
import tensorflow as tf

from tfrec_mt.losses.news_losses import click_nce_loss


def test_by_hand() -> None:
    scores = tf.constant([[0.0, math.log(3.0), 9.0], [2.0, 2.0, 2.0]])
    mask = tf.constant([[True, True, False], [True, True, True]])
    expected = (-math.log(1 / 4) - math.log(1 / 3)) / 2
    np.testing.assert_allclose(click_nce_loss(scores, mask), expected, rtol=1e-6)


def test_nothing_else_seen_costs_nothing_and_has_no_gradient() -> None:
    scores = tf.constant([[1.0, 5.0]])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        loss = click_nce_loss(scores, tf.constant([[True, False]]))
    assert float(loss) == 0.0
    np.testing.assert_array_equal(tape.gradient(loss, scores), [[0.0, 0.0]])


def test_large_scores_stay_finite() -> None:
    mask = tf.constant([[True, True]])
    assert float(click_nce_loss(tf.constant([[-1e4, 1e4]]), mask)) == 2e4

import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.losses.news_losses import class_loss, entity_loss

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(5, 3)).astype(np.float32)


def test_class_loss_longhand() -> None:
    codes, weights = np.array([1, 0, 3, 2, 2]), np.array([1.0, 4.0, 0.0, 2.0, 1.0], np.float32)
    total = count = 0.0
    for logits, code, weight in zip(LOGITS.astype(np.float64), codes, weights, strict=True):
        if code:
            total -= weight * np.log(np.exp(logits[code - 1]) / np.exp(logits).sum())
            count += weight
    assert float(class_loss(LOGITS, codes, weights)) == pytest.approx(total / count, rel=1e-5)


def test_entity_loss_longhand() -> None:
    entities = (RNG.random((5, 3)) < 0.5).astype(np.float32)
    weights = np.array([1.0, 0.0, 2.0, 1.0, 1.0], np.float32)
    chances = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))
    losses = -np.where(entities > 0, np.log(chances), np.log(1 - chances)).mean(axis=1)
    expected = (weights * losses).sum() / weights.sum()
    assert float(entity_loss(LOGITS, entities, weights)) == pytest.approx(expected, rel=1e-5)


def test_nothing_known_costs_nothing() -> None:
    none = tf.zeros(5)
    assert float(class_loss(LOGITS, np.zeros(5, np.int32), tf.ones(5))) == 0.0
    assert float(class_loss(LOGITS, np.ones(5, np.int32), none)) == 0.0
    assert float(entity_loss(LOGITS, np.zeros((5, 3), np.float32), none)) == 0.0

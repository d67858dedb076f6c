"""Averages of weights against keeping them by hand."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.jobs import SMALL_MODEL, TRAIN, Job
from tfrec_mt.configs import PretrainConfig
from tfrec_mt.jobs.pretrain import run_pretrain
from tfrec_mt.models.model_store import load_model
from tfrec_mt.training.averaged_weights import averaged_weights
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam


def _toy(**settings: Any) -> tuple[keras.Model, LazyAdam]:
    model = keras.Sequential([keras.layers.Embedding(5, 2), keras.layers.Dense(1)])
    model.build((None, None))
    optimizer = LazyAdam(0.1, **settings)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def test_the_average_decays_from_the_first_step_on() -> None:
    rng = np.random.default_rng(0)
    model, optimizer = _toy(use_ema=True, ema_momentum=0.8)
    expected: list[np.ndarray] = []
    for step in range(6):
        gradients = [rng.normal(size=w.shape).astype(np.float32) for w in model.trainable_weights]
        optimizer.apply(gradients, model.trainable_weights)
        weights = [w.numpy() for w in model.trainable_weights]
        expected = (
            weights
            if step == 0
            else [0.8 * e + 0.2 * w for e, w in zip(expected, weights, strict=True)]
        )
    with averaged_weights(model, optimizer):
        for weight, average in zip(model.trainable_weights, expected, strict=True):
            np.testing.assert_allclose(weight.numpy(), average, rtol=1e-5)
    for weight, last in zip(model.trainable_weights, weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), last)


def test_weights_come_back_after_an_error() -> None:
    model, optimizer = _toy(use_ema=True, ema_momentum=0.8)
    before = [w.numpy() for w in model.trainable_weights]
    with pytest.raises(ZeroDivisionError), averaged_weights(model, optimizer):
        1 / 0  # noqa: B018
    for weight, own in zip(model.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), own)


def test_without_averages_nothing_is_exchanged() -> None:
    model, optimizer = _toy()
    before = [w.numpy() for w in model.trainable_weights]
    with averaged_weights(model, optimizer):
        for weight, own in zip(model.trainable_weights, before, strict=True):
            np.testing.assert_array_equal(weight.numpy(), own)


def test_a_pre_trained_model_is_the_average(job: Job, tmp_path: Path) -> None:
    config = PretrainConfig(
        data=job.data,
        output=tmp_path / "last",
        validation="test",
        model_settings=SMALL_MODEL,
        train=dataclasses.replace(TRAIN, patience=1),
    )
    averaged = dataclasses.replace(config, output=tmp_path / "average", ema_decay=0.9)
    last, average = (load_model(run_pretrain(c)).get_weights() for c in (config, averaged))
    # the same path of weights, so what differs is what is kept of it
    moved = [np.abs(a - b).max() for a, b in zip(last, average, strict=True)]
    assert max(moved) > 0
    assert np.allclose(last[0], average[0], atol=0.1)

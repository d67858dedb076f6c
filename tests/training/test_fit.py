"""A step of Keras' `fit` is a step of the training loop."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfrec_mt as mt
from tests.news_jobs import NewsJob
from tests.worlds import random_batch, small_model, small_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.knowledge_view import KnowledgeView, seen_widths
from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.training.base_learner import BaseLearner
from tfrec_mt.training.fine_tune import kernel_learner
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam

STEPS = 3
BATCH = 32


def _rows(schema: mt.Schema) -> tuple[dict[str, Any], dict[str, Any]]:
    features, labels = random_batch(schema, STEPS * BATCH)
    return dict(features), dict(labels)


def _batches(rows: tuple[dict[str, Any], dict[str, Any]]) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(rows).batch(BATCH)


def _by_loop(learner: Any, rows: tuple[dict[str, Any], dict[str, Any]]) -> None:
    step = tf.function(learner.step, autograph=False)
    for features, labels in _batches(rows):
        step(features, labels)


def _assert_equal_weights(one: keras.Model, other: keras.Model) -> None:
    moved = False
    for a, b in zip(one.weights, other.weights, strict=True):
        if "seed_generator" not in a.path:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=2e-5, err_msg=a.path)
    for a, start in zip(one.trainable_weights, one.start, strict=True):
        moved |= bool(np.any(a.numpy() != start))
    assert moved


def _base(optimizer: Any = None) -> Any:
    model = small_model("olr", small_schema())
    model.start = tuple(weight.numpy() for weight in model.trainable_weights)
    return model


@pytest.mark.parametrize("loss", [None, "binary_crossentropy"])
def test_a_base(loss: str | None) -> None:
    fitted, looped = _base(), _base()
    rows = _rows(fitted.schema)
    assert fitted.debias is not None  # the exposure tower learns, too
    fitted.compile(LazyAdam(0.01), loss=loss and dict.fromkeys(fitted.tasks, loss))
    history = fitted.fit(_batches(rows), epochs=1, shuffle=False, verbose=0).history
    _by_loop(BaseLearner(looped, LazyAdam(0.01)), rows)
    _assert_equal_weights(fitted, looped)
    assert np.isfinite(history["loss"][0])


def _adapted(adapter: str) -> Any:
    base = small_model("olr", small_schema())
    widths = base.knowledge_widths
    view = KnowledgeView(widths, name="view")
    rng = np.random.default_rng(0)
    for task, width in widths.items():
        view.fit(task, rng.normal(size=(200, width)))
    keras.utils.set_random_seed(3)
    kernels = [
        mt.adapters.IAK(topic.name, topic.domains, widths, seen_widths=seen_widths(widths))
        if adapter == "iak"
        else mt.adapters.LoRA(topic.name, topic.domains, widths, seen_widths=seen_widths(widths))
        for topic in base.schema.topics
    ]
    model = AdaptedModel(base, kernels, view)
    model.start = tuple(weight.numpy() for weight in model.trainable_weights)
    return model


@pytest.mark.parametrize("adapter", ["iak", pytest.param("lora", marks=pytest.mark.slow)])
def test_kernels(adapter: str) -> None:
    fitted, looped = _adapted(adapter), _adapted(adapter)
    rows = _rows(fitted.base.schema)
    fitted.compile(LazyAdam(0.01))
    fitted.fit(_batches(rows), epochs=1, shuffle=False, verbose=0)
    none = Path()
    config = FineTuneConfig(
        base=none, data=none, output=none, learning_rate=0.01, rate_schedule="constant"
    )
    _by_loop(kernel_learner(config, looped, STEPS), rows)
    _assert_equal_weights(fitted, looped)


@pytest.mark.slow
def test_callbacks_of_keras_work(tmp_path: Path) -> None:
    model = _adapted("iak")
    rows = _batches(_rows(model.base.schema))
    model.compile(LazyAdam(0.01), metrics={"ctr": [keras.metrics.AUC(name="auc")]})
    seen: list[float] = []
    history = model.fit(
        rows,
        epochs=3,
        shuffle=False,
        verbose=0,
        validation_data=rows,
        callbacks=[
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.01 if epoch < 2 else 0.0),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: seen.append(
                    float(np.sum([np.abs(w.numpy()).sum() for w in model.trainable_weights]))
                )
            ),
            keras.callbacks.ModelCheckpoint(tmp_path / "best.weights.h5", save_weights_only=True),
            keras.callbacks.EarlyStopping("val_loss", patience=5),
        ],
    ).history
    assert {"loss", "val_loss", "ctr_auc", "val_ctr_auc"} <= set(history)
    assert seen[0] != seen[1] and seen[1] == seen[2]  # a rate of 0 moves nothing
    assert (tmp_path / "best.weights.h5").is_file()


def test_what_is_not_learned_by_fit_is_refused(news_job: NewsJob) -> None:
    model = _base()
    rows = _rows(model.schema)
    model.compile("adam", loss=dict.fromkeys(model.tasks, "mse"))
    with pytest.raises(mt.SchemaError, match=r"compile: expected no loss.*got 'mse'"):
        model.fit(_batches(rows), verbose=0)
    model.compile("adam")
    with pytest.raises(mt.SchemaError, match=r"expected labels by task, \['ctcvr'\] are missing"):
        model.fit(_batches((rows[0], {"ctr": rows[1]["ctr"]})), verbose=0)
    news = mt.load(news_job.base)
    news.compile("adam")
    with pytest.raises(mt.SchemaError, match="fit: news are learned from drawn negatives"):
        news.fit(_batches(rows), verbose=0)

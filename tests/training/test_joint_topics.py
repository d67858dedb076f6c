"""Topics that are trained as the sum that serves when all of them are attached."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.worlds import random_batch, randomise, small_model, small_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.training.kernel_learner import KernelLearner
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam

SCHEMA = small_schema()
TOPICS = ("period", "region")
RATE = 0.1


class Descent:
    """Plain gradient descent, whose steps are gradients."""

    def __init__(self) -> None:
        self.iterations = tf.Variable(0)
        self.variables: list[tf.Variable] = []

    def build(self, _: Any) -> None:
        """Has no state."""

    def apply(self, gradients: Any, weights: Any) -> None:
        for gradient, weight in zip(gradients, weights, strict=True):
            weight.value.assign_sub(RATE * gradient)


def adapted(model: str) -> AdaptedModel:
    base = small_model(model, SCHEMA)
    widths = base.knowledge_widths
    kernels = [IAK(name, SCHEMA.topic(name).domains, widths, (5,)) for name in TOPICS]
    for seed, layer in enumerate(kernels):
        randomise(layer, seed)
    return AdaptedModel(base, kernels)


def batch(rows: int, seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rows that all are in a domain of both topics."""
    features, labels = random_batch(SCHEMA, rows, seed)
    for name in TOPICS:
        features[name] = np.maximum(features[name], 1)
    return features, labels


def chances_of(model: AdaptedModel, features: Any) -> dict[str, Any]:
    logits = model.logits(model.knowledge(features))
    return dict(model.probabilities(model.base.exposed(logits, features)))


def loss_and_steps(model: AdaptedModel, features: Any, labels: Any) -> tuple[float, list[Any]]:
    """Loss of the sum of all kernels, and where descent takes each layer's weights."""
    weights = [[w.value for w in layer.trainable_weights] for layer in model.kernels]
    with tf.GradientTape() as tape:
        loss = tf.add_n(
            [
                keras.losses.binary_crossentropy(labels[task], chance[:, 0])
                for task, chance in chances_of(model, features).items()
            ]
        )
    gradients = tape.gradient(loss, weights)
    steps = [
        [
            weight.numpy() - RATE * tf.convert_to_tensor(g).numpy()
            for weight, g in zip(*of_layer, strict=True)
        ]
        for of_layer in zip(weights, gradients, strict=True)
    ]
    return float(loss), steps


@pytest.fixture(params=["logits", "knowledge"])
def linear(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether kernels are added to logits, as those of ranking models can be, or to knowledge."""
    if request.param == "knowledge":
        monkeypatch.setattr(RankingModel, "head", None)


@pytest.mark.usefixtures("linear")
def test_a_joint_step_goes_down_the_loss_of_the_sum() -> None:
    model = adapted("esmm")
    features, labels = batch(50)
    loss, expected = loss_and_steps(model, features, labels)
    learner = KernelLearner(model, lambda _: Descent(), kl_weight=0.0, joint=True)
    found = learner.step(features, labels)
    # each topic's turn has the whole loss
    assert float(found["loss"]) == pytest.approx(2 * loss, rel=1e-5)
    for layer, values in zip(model.kernels, expected, strict=True):
        for weight, value in zip(layer.trainable_weights, values, strict=True):
            np.testing.assert_allclose(weight.numpy(), value, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("linear")
def test_beside_kernels_that_stay_the_loss_is_that_of_the_sum() -> None:
    model = adapted("esmm")
    features, labels = batch(50)
    loss, (expected, _) = loss_and_steps(model, features, labels)
    learning, staying = (AdaptedModel(model.base, [layer]) for layer in model.kernels)
    before = [weight.numpy() for weight in staying.kernels[0].trainable_weights]
    learner = KernelLearner(learning, lambda _: Descent(), kl_weight=0.0, beside=staying)
    found = learner.step(features, labels)
    assert float(found["loss"]) == pytest.approx(loss, rel=1e-5)
    for weight, value in zip(learning.kernels[0].trainable_weights, expected, strict=True):
        np.testing.assert_allclose(weight.numpy(), value, rtol=1e-4, atol=1e-6)
    for weight, value in zip(staying.kernels[0].trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


@pytest.mark.slow
def test_what_all_topics_could_correct_is_corrected_once() -> None:
    features, labels = batch(400)
    errors = {}
    for joint in (False, True):
        model, rng = adapted("esmm"), np.random.default_rng(1)
        for task, chance in chances_of(model, features).items():
            labels[task] = (rng.random(400) < 0.6 * chance.numpy().mean()).astype(np.float32)
        learner = KernelLearner(model, lambda factor: LazyAdam(0.05 * factor), joint=joint)
        step = tf.function(learner.step)
        for _ in range(200):
            step(features, labels)
        errors[joint] = [
            abs(chance.numpy().mean() / labels[task].mean() - 1.0)
            for task, chance in chances_of(model, features).items()
        ]
    assert max(errors[True]) < 0.05
    assert min(errors[False]) > 0.2

"""Kernels keep as much of what they add as served on rows they had not seen."""

import numpy as np
import tensorflow as tf

from tests.worlds import random_batch, randomise, small_model, small_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.training.kernel_learner import FACTORS, KernelLearner
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam

SCHEMA = small_schema()
TOPIC = SCHEMA.topic("period")


def _learner(trial: tuple[int, int]) -> KernelLearner:
    base = small_model("olr", SCHEMA)
    widths = dict.fromkeys(base.tasks, base.knowledge_width)
    kernels = IAK(TOPIC.name, TOPIC.domains, widths, encoder_units=(5,))
    randomise(kernels, seed=3)
    model = AdaptedModel(base, [kernels])
    return KernelLearner(model, lambda: LazyAdam(0.05), trial=trial)


def _trial_losses(learner: KernelLearner, seed: int) -> np.ndarray:
    """[N, factors] summed losses of one batch, row by row."""
    features, labels = random_batch(SCHEMA, 40, seed)
    base, layer = learner.model.base, learner.model.kernels[0]
    plain = base.knowledge(features)
    residuals = layer(plain, tf.constant(features[TOPIC.name]))
    losses = np.zeros((len(TOPIC.domains), len(FACTORS)))
    for column, factor in enumerate(FACTORS):
        adapted = {task: h + factor * residuals[task] for task, h in plain.items()}
        chances = base.probabilities(base.exposed(base.logits(adapted), features))
        for task, chance in chances.items():
            for row, p in enumerate(np.asarray(chance, np.float64)[:, 0]):
                code = features[TOPIC.name][row]
                if code:
                    losses[code - 1, column] -= np.log(p if labels[task][row] else 1 - p)
    return losses


def _step(learner: KernelLearner, seed: int) -> None:
    features, labels = random_batch(SCHEMA, 40, seed)
    learner.step(
        {name: tf.constant(values) for name, values in features.items()},
        {task: tf.constant(values) for task, values in labels.items()},
    )


def test_each_kernel_takes_the_factor_of_least_loss_before_learning() -> None:
    learner = _learner(trial=(1, 4))
    expected = np.zeros((len(TOPIC.domains), len(FACTORS)))
    for seed in range(5):
        if 1 <= seed < 4:
            expected += _trial_losses(learner, seed)
        _step(learner, seed)
    features, _ = random_batch(SCHEMA, 40, 9)
    plain = learner.model.base.knowledge(features)
    codes = tf.constant(features[TOPIC.name])
    before = learner.model.kernels[0](plain, codes)

    factors = learner.shrink()[TOPIC.name]

    np.testing.assert_array_equal(factors, np.asarray(FACTORS)[expected.argmin(axis=1)])
    kept = np.concatenate([[1.0], factors])[features[TOPIC.name]][:, np.newaxis]
    for task, residual in learner.model.kernels[0](plain, codes).items():
        np.testing.assert_allclose(residual, kept * before[task], rtol=1e-5, atol=1e-6)


def test_trial_losses_are_in_the_checkpoint() -> None:
    learner = _learner(trial=(0, 2))
    _step(learner, 0)

    found = learner.variables[f"{TOPIC.name}/trial_losses"].numpy()
    assert found.shape == (len(TOPIC.domains), len(FACTORS)) and (found > 0).all()


def test_without_a_trial_kernels_stay_as_they_are() -> None:
    learner = _learner(trial=(0, 0))
    _step(learner, 0)
    before = [weight.numpy() for weight in learner.model.kernels[0].weights]

    np.testing.assert_array_equal(learner.shrink()[TOPIC.name], np.ones(len(TOPIC.domains)))
    for weight, old in zip(learner.model.kernels[0].weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)

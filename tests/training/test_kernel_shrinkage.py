"""Kernels keep as much of what they add as served users they had not learned from."""

from typing import Any

import numpy as np
import tensorflow as tf

from tests.worlds import random_batch, randomise, small_model, small_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.training.kernel_learner import KernelLearner
from tfrec_mt.training.kernel_trial import FACTORS
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam
from tfrec_mt.training.user_clusters import CLUSTER, CLUSTERS

SCHEMA = small_schema()
TOPIC = SCHEMA.topic("period")

# By domain code and cluster of users: by how much each factor lowers the loss.
Gains = dict[int, dict[int, list[float]]]


def _kernels(base: RankingModel) -> IAK:
    kernels = IAK(TOPIC.name, TOPIC.domains, base.knowledge_widths, encoder_units=(5,))
    randomise(kernels, seed=3)
    return kernels


def _learner(trial: tuple[int, int]) -> KernelLearner:
    base = small_model("olr", SCHEMA)
    model = AdaptedModel(base, [_kernels(base)])
    return KernelLearner(model, lambda factor: LazyAdam(0.05 * factor), trial=trial)


def _batch(
    learner: KernelLearner, seed: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Random rows; in the first domain every label is what the first kernels lean to."""
    features, labels = random_batch(SCHEMA, 40, seed)
    features[CLUSTER] = np.random.default_rng(seed).choice([3, 4, 70, 255], 40).astype(np.int32)
    plain = learner.model.base.knowledge(features)
    layer = learner.model.kernels[0]
    base, adapted = (_chances(learner, layer, features, plain, factor) for factor in (0.0, 1.0))
    first = features[TOPIC.name] == 1
    for task in labels:
        labels[task][first] = (adapted[task] > base[task])[first]
    return features, labels


def _chances(
    learner: KernelLearner,
    layer: DomainKernels,
    features: dict[str, np.ndarray],
    plain: dict[str, Any],
    factor: float,
) -> dict[str, np.ndarray]:
    base = learner.model.base
    residuals = layer(plain, tf.constant(features[TOPIC.name]))
    adapted = {task: h + factor * residuals[task] for task, h in plain.items()}
    chances = base.probabilities(base.exposed(base.logits(adapted), features))
    return {task: np.asarray(chance, np.float64)[:, 0] for task, chance in chances.items()}


def _add_gains(gains: Gains, learner: KernelLearner, layer: DomainKernels, seed: int) -> None:
    """Adds by how much the loss of one batch's rows is lower with each factor of some kernels."""
    features, labels = _batch(learner, seed)
    plain = learner.model.base.knowledge(features)
    chances = [_chances(learner, layer, features, plain, factor) for factor in (0.0, *FACTORS)]
    for row, code in enumerate(features[TOPIC.name]):
        losses = [
            sum(-np.log(p[row] if labels[task][row] else 1 - p[row]) for task, p in of.items())
            for of in chances
        ]
        sums = gains.setdefault(int(code), {}).setdefault(features[CLUSTER][row], [0.0] * 4)
        sums[:] = [sum_ + losses[0] - loss for sum_, loss in zip(sums, losses[1:], strict=True)]


def _step(learner: KernelLearner, seed: int) -> None:
    features, labels = _batch(learner, seed)
    learner.step(
        {name: tf.constant(values) for name, values in features.items()},
        {task: tf.constant(values) for task, values in labels.items()},
    )


def _certain(clusters: dict[int, list[float]]) -> int | None:
    """Place of the factor of most gain; None if that is within a standard error of none."""
    sums = clusters.values()
    best, factor = max((sum(gain[i] for gain in sums), i) for i in range(len(FACTORS)))
    error = sum(gain[factor] ** 2 for gain in sums) ** 0.5
    return factor if best > error else None


def _expected(gains: Gains) -> list[float]:
    """Each domain's own factor, or the topic's where the domain gained with it too, or 0."""
    topic: dict[int, list[float]] = {}
    domains = [gains[code] for code in range(1, len(TOPIC.domains) + 1)]
    for clusters in domains:
        for cluster, of_factors in clusters.items():
            sums = topic.setdefault(cluster, [0.0] * len(FACTORS))
            sums[:] = [a + b for a, b in zip(sums, of_factors, strict=True)]
    shared, found = _certain(topic), []
    for clusters in domains:
        place = _certain(clusters)
        if place is None and shared is not None:
            place = shared if sum(gain[shared] for gain in clusters.values()) > 0 else None
        found.append(0.0 if place is None else FACTORS[place])
    return found


def test_each_kernel_keeps_what_served_as_it_was_before_the_first_step_of_the_trial() -> None:
    learner = _learner(trial=(1, 4))
    tried = _kernels(learner.model.base)
    gains: Gains = {}
    for seed in range(5):
        if seed == 1:
            tried.set_weights(learner.model.kernels[0].get_weights())
        if 1 <= seed < 4:
            _add_gains(gains, learner, tried, seed)
        _step(learner, seed)
    features, _ = random_batch(SCHEMA, 40, 9)
    plain = learner.model.base.knowledge(features)
    codes = tf.constant(features[TOPIC.name])
    before = learner.model.kernels[0](plain, codes)

    factors, gain, error = learner.shrink()[TOPIC.name]

    expected = _expected(gains)
    np.testing.assert_array_equal(factors, expected)
    assert expected[0] > 0 and 0.0 in expected  # both outcomes are there
    np.testing.assert_array_equal(factors > 0, gain > error)
    kept = np.concatenate([[1.0], factors])[features[TOPIC.name]][:, np.newaxis]
    for task, residual in learner.model.kernels[0](plain, codes).items():
        np.testing.assert_allclose(residual, kept * before[task], rtol=1e-5, atol=1e-6)


def test_trial_gains_are_in_the_checkpoint() -> None:
    learner = _learner(trial=(0, 2))
    _step(learner, 0)

    found = learner.variables[f"{TOPIC.name}/trial_gains"].numpy()
    assert found.shape == (len(TOPIC.domains), CLUSTERS, len(FACTORS))
    # an empty cluster says nothing
    assert set(np.flatnonzero(found.any(axis=(0, 2)))) == {3, 4, 70, 255}


def test_without_a_trial_kernels_stay_as_they_are() -> None:
    learner = _learner(trial=(0, 0))
    _step(learner, 0)
    before = [weight.numpy() for weight in learner.model.kernels[0].weights]

    assert not learner.shrink()
    for weight, old in zip(learner.model.kernels[0].weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)

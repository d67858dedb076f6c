"""Kernels that learn from rows of related domains, too."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.worlds import random_batch, randomise, small_model, small_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.training.kernel_learner import KernelLearner
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam

SCHEMA = small_schema()
TOPIC = SCHEMA.topic("period")
SHARE = 0.3


def _learner(share: float) -> KernelLearner:
    base = small_model("olr", SCHEMA)
    kernels = IAK(TOPIC.name, TOPIC.domains, base.knowledge_widths, (5,))
    randomise(kernels, seed=3)
    model = AdaptedModel(base, [kernels])
    return KernelLearner(model, lambda factor: LazyAdam(0.05), kl_weight=0.0, related_share=share)


def _row_losses(learner: KernelLearner, features: Any, labels: Any, codes: Any) -> Any:
    base, layer = learner.model.base, learner.model.kernels[0]
    plain = base.knowledge(features)
    residuals = layer(plain, tf.constant(codes))
    adapted = {task: h + residuals[task] for task, h in plain.items()}
    chances = base.probabilities(base.exposed(base.logits(adapted), features))
    return sum(
        -np.log(np.where(labels[task] > 0, p[:, 0], 1 - p.numpy()[:, 0]))
        for task, p in chances.items()
    )


def _expected(learner: KernelLearner, features: Any, labels: Any, offset: int) -> float:
    """Kernel by kernel and row by row."""
    own_codes = features[TOPIC.name]
    own = _row_losses(learner, features, labels, own_codes)
    total = 0.0
    for code in (1, 2, 3):
        mine = own_codes == code
        lender = (code - 1 - offset) % 3 + 1
        as_mine = _row_losses(learner, features, labels, np.full_like(own_codes, code))
        lent = as_mine[own_codes == lender].mean()
        total += mine.sum() * ((1 - SHARE) * own[mine].mean() + SHARE * lent)
    return float(total / (own_codes > 0).sum())


def test_a_kernels_loss_is_shared_between_its_own_rows_and_lent_ones() -> None:
    learner = _learner(SHARE)
    for step in range(3):
        features, labels = random_batch(SCHEMA, 60, seed=step)
        expected = _expected(learner, features, labels, offset=1 + step % 2)
        found = learner.step(
            {k: tf.constant(v) for k, v in features.items()},
            {k: tf.constant(v) for k, v in labels.items()},
        )
        assert float(found["loss"]) == pytest.approx(expected, rel=1e-5)
        plain = _row_losses(learner, features, labels, features[TOPIC.name])
        assert float(found["loss"]) != pytest.approx(plain.mean(), rel=1e-3)


def test_a_kernel_whose_domain_has_no_rows_learns_nothing() -> None:
    learner = _learner(SHARE)
    features, labels = random_batch(SCHEMA, 60)
    features[TOPIC.name] = np.where(features[TOPIC.name] == 2, 0, features[TOPIC.name])
    layer = learner.model.kernels[0]
    before = [layer.kernel(domain) for domain in TOPIC.domains]
    learner.step(features, labels)
    after = [layer.kernel(domain) for domain in TOPIC.domains]
    changed = [
        any(not np.array_equal(old[name], new[name]) for name in old)
        for old, new in zip(before, after, strict=True)
    ]
    assert changed == [True, False, True]


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_lies_between_none_and_all(share: float) -> None:
    with pytest.raises(ValueError, match="share from 0 to 1"):
        _learner(share)

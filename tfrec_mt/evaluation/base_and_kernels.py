"""`base_and_kernels`: scores of a base with and without its kernels, from one forward pass."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.evaluation.cells import ScoreKey
from tfrec_mt.evaluation.scoring import ADAPTED, ZERO_SHOT
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.models.scorer import BatchFunction

Scores = dict[ScoreKey, dict[str, Any]]


def base_and_kernels(
    base: BaseModel, kernels: Sequence[DomainKernels]
) -> Callable[[Mapping[str, Any]], Scores]:
    """Returns a function from a batch to `{task: [B]}` of base, each topic's kernels, and all."""
    keys = [ScoreKey(ZERO_SHOT), *(ScoreKey(ADAPTED, layer.topic) for layer in kernels)]
    if kernels:
        keys.append(ScoreKey(ADAPTED))
    # only with kernels, as this freezes the base
    model = AdaptedModel(base, kernels) if kernels else None

    def forward(features: Mapping[str, Any]) -> list[dict[str, Any]]:
        plain = base.knowledge(features)
        found = [base.logits(plain)]
        if model:
            codes, ids = model.kernel_codes(features), model.ids(features)
            for some in (*([layer] for layer in model.kernels), model.kernels):
                logits = base.logits(model.adapt(plain, codes, ids, some))
                found.append(model.remembered(logits, codes, features, plain, some))
        return [base.probabilities(logits) for logits in found]

    run = BatchFunction(forward)

    def score(features: Mapping[str, Any]) -> Scores:
        return {
            key: {task: p.numpy()[:, 0] for task, p in tasks.items()}
            for key, tasks in zip(keys, run(features), strict=True)
        }

    return score

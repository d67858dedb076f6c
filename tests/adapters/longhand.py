"""Slow NumPy versions of every adapter, and small layers of kernels with random weights."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.worlds import randomise, small_model, small_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import Schema

Weights = Mapping[str, Any]

SETTINGS: dict[str, dict[str, Any]] = {"iak": {"encoder_units": (7, 5), "negative_slope": 0.1}}


def _iak_residual(layer: DomainKernels, task: str, rows: Any, weights: Weights) -> Any:
    """Encoder and decoder of one kernel (IAK paper, section 5.3)."""
    hidden = rows
    for index in range(len(layer.get_config()["encoder_units"])):
        kernel = weights[f"{task}_encoder_kernel_{index}"]
        hidden = hidden @ kernel / np.sqrt(len(kernel)) + weights[f"{task}_encoder_bias_{index}"]
        hidden = np.where(hidden > 0, hidden, layer.get_config()["negative_slope"] * hidden)
    return hidden @ weights[f"{task}_decoder_kernel"] + weights[f"{task}_decoder_bias"]


def _iak_penalty(weights: Weights) -> float:
    """Closed form of the divergence from N(0, 1), each encoder layer by itself (Eq. 17 to 19)."""
    total = 0.0
    for name, values in weights.items():
        if "_encoder_kernel_" in name:
            mean, variance = values.mean(), values.var()
            total += 0.5 * (variance + mean**2 - 1 - np.log(variance))
    return total


RESIDUALS: dict[str, Callable[[DomainKernels, str, Any, Weights], Any]] = {"iak": _iak_residual}
PENALTIES: dict[str, Callable[[Weights], float]] = {"iak": _iak_penalty}


def kernel_weights(layer: DomainKernels, domain: str) -> Weights:
    """One domain's weights in float64."""
    return {name: w.astype(np.float64) for name, w in layer.kernel(domain).items()}


def residual(adapter: str, layer: DomainKernels, task: str, rows: Any, domain: str) -> Any:
    """What one domain's kernel adds to knowledge `[B, D]`, in float64."""
    weights = kernel_weights(layer, domain)
    seen = (rows - weights[f"{task}_centre"]) * weights[f"{task}_scale"]
    return RESIDUALS[adapter](layer, task, seen, weights)


def masked_sum(adapter: str, layer: DomainKernels, task: str, rows: Any, codes: Any) -> Any:
    """The paper's parallel inference: every kernel sees every row, a mask keeps one (Eq. 20)."""
    total = np.zeros(rows.shape)
    for index, domain in enumerate(layer.domains):
        total += residual(adapter, layer, task, rows, domain) * (codes == index + 1)[:, np.newaxis]
    return total


def small_kernels(
    adapter: str, topic: str, domains: tuple[str, ...], widths: Mapping[str, int], seed: int = 0
) -> DomainKernels:
    """Trained-looking kernels: random weights that see knowledge on a scale of their own."""
    layer = ADAPTERS[adapter](
        topic=topic, domains=domains, knowledge_widths=widths, **SETTINGS[adapter]
    )
    randomise(layer, seed)
    rng = np.random.default_rng(seed)
    for task, width in widths.items():
        layer.standardise(task, rng.normal(size=width) * 0.1, rng.uniform(0.5, 2.0, size=width))
    return layer


def widths_of(base: RankingModel) -> dict[str, int]:
    """Width of the base's knowledge by task."""
    return dict.fromkeys(base.tasks, base.knowledge_width)


def adapted_model(
    adapter: str, topics: tuple[str, ...] = ("region", "scene"), schema: Schema | None = None
) -> AdaptedModel:
    """A small OLR with random kernels for every domain of those topics."""
    base = small_model("olr", schema or small_schema(), base_topics=("period",))
    kernels = [
        small_kernels(adapter, topic, base.schema.topic(topic).domains, widths_of(base), seed)
        for seed, topic in enumerate(topics)
    ]
    return AdaptedModel(base, kernels)

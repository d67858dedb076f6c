"""Slow NumPy versions of every adapter, and small layers of kernels with random weights."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.worlds import random_batch, randomise, small_model, small_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import Schema

Weights = Mapping[str, Any]

# Adapters that read knowledge: all but a memory alone.
READERS = tuple(adapter for adapter in ADAPTERS if adapter != "memory")

SETTINGS: dict[str, dict[str, Any]] = {
    "iak": {"encoder_units": (7, 5), "negative_slope": 0.1},
    "bottleneck": {"encoder_units": (7, 5), "negative_slope": 0.1},
    "lora": {"rank": 3, "alpha": 5.0},
    "shared_lora": {"rank": 3, "alpha": 5.0},
    "last_layer": {},
    "gate": {"encoder_units": (7, 5), "negative_slope": 0.1},
    "hamur": {"bottleneck_width": 5, "core_rank": 4, "negative_slope": 0.1},
}


def _encoded(layer: DomainKernels, task: str, seen: Any, weights: Weights) -> Any:
    """Encoder and decoder of one kernel (IAK paper, section 5.3)."""
    hidden, index = seen, 0
    while (name := f"{task}_encoder_kernel_{index}") in weights:
        kernel = weights[name]
        hidden = hidden @ kernel / np.sqrt(len(kernel)) + weights[f"{task}_encoder_bias_{index}"]
        hidden = np.where(hidden > 0, hidden, layer.get_config()["negative_slope"] * hidden)
        index += 1
    return hidden @ weights[f"{task}_decoder_kernel"] + weights[f"{task}_decoder_bias"]


def _bottleneck(layer: DomainKernels, task: str, _: Any, seen: Any, weights: Weights) -> Any:
    return _encoded(layer, task, seen, weights)


def _lora(layer: DomainKernels, task: str, _: Any, seen: Any, weights: Weights) -> Any:
    """Hu et al. 2022, equation 3, without the plain path."""
    config, down = layer.get_config(), weights[f"{task}_down"]
    code = seen @ (config["alpha"] / config["rank"] * down / np.sqrt(len(down)))
    return (code + weights[f"{task}_offset"]) @ weights[f"{task}_up"]


def _last_layer(_: DomainKernels, task: str, rows: Any, seen: Any, weights: Weights) -> Any:
    """The shortest change of knowledge that adds so much to a logit along the direction."""
    added = seen @ weights[f"{task}_slope"] + weights[f"{task}_constant"]
    return added * weights[f"{task}_unit_shift"]


def _gate(layer: DomainKernels, task: str, rows: Any, seen: Any, weights: Weights) -> Any:
    """Chang et al. 2023: twice a sigmoid, here of one domain's own net."""
    gate = 2 / (1 + np.exp(-_encoded(layer, task, seen, weights)))
    return weights[f"{task}_strength"] * (gate * rows - rows)


def _iak_penalty(weights: Weights) -> float:
    """Closed form of the divergence from N(0, 1), each encoder layer by itself (Eq. 17 to 19)."""
    total = 0.0
    for name, values in weights.items():
        if "_encoder_kernel_" in name:
            mean, variance = values.mean(), values.var()
            total += 0.5 * (variance + mean**2 - 1 - np.log(variance))
    return total


def _no_penalty(_: Weights) -> float:
    return 0.0


# of layer, task, knowledge, the same as kernels see it, and one kernel's weights
RESIDUALS: dict[str, Callable[[DomainKernels, str, Any, Any, Weights], Any]] = {
    "iak": _bottleneck,
    "bottleneck": _bottleneck,
    "lora": _lora,
    "shared_lora": _lora,
    "last_layer": _last_layer,
    "gate": _gate,
    "hamur": _bottleneck,
}
PENALTIES: dict[str, Callable[[Weights], float]] = {
    **dict.fromkeys(RESIDUALS, _no_penalty),
    "iak": _iak_penalty,
}


def kernel_weights(layer: DomainKernels, domain: str) -> Weights:
    """One domain's weights in float64."""
    return {name: w.astype(np.float64) for name, w in layer.kernel(domain).items()}


def residual(
    adapter: str, layer: DomainKernels, task: str, rows: Any, domain: str, seen: Any = None
) -> Any:
    """What one domain's kernel adds to knowledge `[B, D]`, in float64; it sees rows by default."""
    weights = kernel_weights(layer, domain)
    return RESIDUALS[adapter](layer, task, rows, rows if seen is None else seen, weights)


def masked_sum(adapter: str, layer: DomainKernels, task: str, rows: Any, codes: Any) -> Any:
    """The paper's parallel inference: every kernel sees every row, a mask keeps one (Eq. 20)."""
    total = np.zeros(rows.shape)
    for index, domain in enumerate(layer.domains):
        total += residual(adapter, layer, task, rows, domain) * (codes == index + 1)[:, np.newaxis]
    return total


def small_kernels(
    adapter: str,
    topic: str,
    domains: tuple[str, ...],
    widths: Mapping[str, int],
    seed: int = 0,
    seen_widths: Mapping[str, int] | None = None,
) -> DomainKernels:
    """Trained-looking kernels: random weights, each of its own strength as a trial leaves them."""
    layer = ADAPTERS[adapter](
        topic=topic,
        domains=domains,
        knowledge_widths=widths,
        seen_widths=seen_widths,
        **SETTINGS[adapter],
    )
    randomise(layer, seed)
    rng = np.random.default_rng(seed)
    layer.align({task: rng.normal(size=width) for task, width in widths.items()})
    layer.scale_residuals(np.linspace(0.4, 1.0, len(domains)))
    return layer


def widths_of(base: RankingModel) -> dict[str, int]:
    """Width of the base's knowledge by task."""
    return base.knowledge_widths


def kept_batch(base: RankingModel, rows: int, seed: int = 0) -> tuple[Weights, Weights]:
    """Random rows with the base's knowledge computed, as `KeptKnowledge` has them, and labels."""
    features, labels = random_batch(base.schema, rows, seed)
    known = {f"knowledge_{task}": h for task, h in base.knowledge(features).items()}
    return {**features, **known}, labels


def adapted_model(
    adapter: str, topics: tuple[str, ...] = ("region", "scene"), schema: Schema | None = None
) -> AdaptedModel:
    """A small OLR with random kernels for every domain of those topics."""
    base = small_model("olr", schema or small_schema(), base_topics=("period",))
    kernels = [
        small_kernels(adapter, topic, base.schema.topic(topic).domains, widths_of(base), seed)
        for seed, topic in enumerate(topics)
    ]
    for layer in kernels:
        layer.align({task: np.array(values) for task, values in base.head.directions().items()})
    return AdaptedModel(base, kernels)

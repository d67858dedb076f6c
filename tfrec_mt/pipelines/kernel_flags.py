"""Flags that describe kernels, shared by the binaries that train them."""

import inspect
from collections.abc import Callable
from typing import Any, cast

from absl import flags

from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.pipelines.flag_types import define_positive_list, refuse_flags
from tfrec_mt.training.kernel_rates import RATE_RULES, RateRule

ADAPTER = flags.DEFINE_enum("adapter", "iak", sorted(ADAPTERS), "Kind of kernel.")
_ENCODER_UNITS = define_positive_list(
    "encoder_units",
    [50],
    "iak, bottleneck, gate: layers of the encoder; the last is its width d_e.",
)
_RANK = flags.DEFINE_integer("rank", 16, "lora, shared_lora: rank of the update.", lower_bound=1)
_ALPHA = flags.DEFINE_float(
    "alpha",
    None,
    "lora, shared_lora: the update is multiplied by alpha / rank; by default by 1.",
    lower_bound=1e-12,
)
_BOTTLENECK_WIDTH = flags.DEFINE_integer(
    "bottleneck_width", 50, "hamur: width of the generated bottlenecks.", lower_bound=1
)
_CORE_RANK = flags.DEFINE_integer(
    "core_rank", 50, "hamur: rank of what all domains of a topic share.", lower_bound=1
)
# What a flag gives an adapter whose constructor has an argument of that name.
_SETTINGS: dict[str, Callable[[], Any]] = {
    "encoder_units": lambda: tuple(int(width) for width in _ENCODER_UNITS.value),
    "rank": lambda: _RANK.value,
    "alpha": lambda: _ALPHA.value,
    "bottleneck_width": lambda: _BOTTLENECK_WIDTH.value,
    "core_rank": lambda: _CORE_RANK.value,
}
KL_WEIGHT = flags.DEFINE_float("kl_weight", 1.0, "iak: weight of the KL term.", lower_bound=0.0)
RELATED_SHARE = flags.DEFINE_float(
    "related_share",
    0.0,
    "Share of each kernel's loss that is of rows of its topic's other domains.",
    lower_bound=0.0,
    upper_bound=1.0,
)
JOINT = flags.DEFINE_bool(
    "joint",
    True,
    "Train topics as the sum that serves when all of them are attached; if not, each as if alone.",
)
CERTAINTY = flags.DEFINE_float(
    "certainty",
    1.0,
    "Standard errors by which a kernel must beat the base on rows it has not yet learned from.",
    lower_bound=0.0,
)
_RATE_RULE = flags.DEFINE_enum(
    "rate_rule", "none", RATE_RULES, "Dynamic batch-aware rates, equation 21 of the IAK paper."
)


def rate_rule() -> RateRule:
    """The rule of the learning rates that the flags give."""
    return cast(RateRule, _RATE_RULE.value)


def adapter_settings() -> dict[str, Any]:
    """Arguments of the adapter that the flags give.

    Raises:
      SchemaError: A flag that this adapter does not have.
    """
    adapter = ADAPTERS[ADAPTER.value]
    arguments = inspect.signature(adapter).parameters
    refused = {name for name in _SETTINGS if name not in arguments}
    if not issubclass(adapter, IAK):
        refused.add("kl_weight")  # the others have no such term
    refuse_flags(refused, f"--adapter={ADAPTER.value}")
    return {name: value() for name, value in _SETTINGS.items() if name in arguments}

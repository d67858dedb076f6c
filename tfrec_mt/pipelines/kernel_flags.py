"""Flags that describe kernels, shared by the binaries that train them."""

import inspect
from typing import Any, cast

from absl import flags

from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.configs import RATE_RULES, FineTuneConfig, RateRule
from tfrec_mt.pipelines.flag_types import define_positive_list, given_settings, refuse_flags

ADAPTER = flags.DEFINE_enum("adapter", FineTuneConfig.adapter, sorted(ADAPTERS), "Kind of kernel.")
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
_OF_ADAPTERS = ("encoder_units", "rank", "alpha", "bottleneck_width", "core_rank")
KL_WEIGHT = flags.DEFINE_float(
    "kl_weight", FineTuneConfig.kl_weight, "iak: weight of the KL term.", lower_bound=0.0
)
RELATED_SHARE = flags.DEFINE_float(
    "related_share",
    FineTuneConfig.related_share,
    "Share of each kernel's loss that is of rows of its topic's other domains.",
    lower_bound=0.0,
    upper_bound=1.0,
)
JOINT = flags.DEFINE_bool(
    "joint",
    FineTuneConfig.joint,
    "Train topics as the sum that serves when all of them are attached; if not, each as if alone.",
)
CERTAINTY = flags.DEFINE_float(
    "certainty",
    FineTuneConfig.certainty,
    "Standard errors by which a kernel must beat the base on rows it has not yet learned from.",
    lower_bound=0.0,
)
_RATE_RULE = flags.DEFINE_enum(
    "rate_rule",
    FineTuneConfig.rate_rule,
    RATE_RULES,
    "Dynamic batch-aware rates, equation 21 of the IAK paper.",
)


def rate_rule() -> RateRule:
    """The rule of the learning rates that the flags give."""
    return cast(RateRule, _RATE_RULE.value)


def adapter_settings() -> dict[str, Any]:
    """Settings of the adapter that were given, by name.

    Raises:
      SchemaError: A flag that this adapter does not have.
    """
    adapter = ADAPTERS[ADAPTER.value]
    arguments = inspect.signature(adapter).parameters
    refused = {name for name in _OF_ADAPTERS if name not in arguments}
    if not issubclass(adapter, IAK):
        refused.add("kl_weight")  # the others have no such term
    refuse_flags(refused, f"--adapter={ADAPTER.value}")
    given = {n: v for n, v in given_settings(__name__).items() if n in _OF_ADAPTERS}
    if "encoder_units" in given:
        given["encoder_units"] = tuple(int(width) for width in given["encoder_units"])
    return given


def kernel_settings() -> dict[str, Any]:
    """Settings of the kernels and of their adapter that were given, by name."""
    return given_settings(__name__) | adapter_settings()

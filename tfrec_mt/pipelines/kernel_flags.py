"""Flags that describe kernels, shared by the binaries that train them."""

from typing import Any, cast

from absl import flags

from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.pipelines.flag_types import define_positive_list
from tfrec_mt.training.kernel_rates import RATE_RULES, RateRule

ADAPTER = flags.DEFINE_enum("adapter", "iak", sorted(ADAPTERS), "Kind of kernel.")
_ENCODER_UNITS = define_positive_list(
    "encoder_units", [50], "Layers of the encoder; the last is its width d_e."
)
KL_WEIGHT = flags.DEFINE_float("kl_weight", 1.0, "Weight of the KL term.", lower_bound=0.0)
RELATED_SHARE = flags.DEFINE_float(
    "related_share",
    0.0,
    "Share of each kernel's loss that is of rows of its topic's other domains.",
    lower_bound=0.0,
    upper_bound=1.0,
)
CERTAINTY = flags.DEFINE_float(
    "certainty",
    2.0,
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
    """Arguments of the adapter that the flags give."""
    return {"encoder_units": tuple(int(width) for width in _ENCODER_UNITS.value)}

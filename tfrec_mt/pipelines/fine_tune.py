"""Trains the kernels of one or several topics behind a frozen base, in one pass.

Example:
  python -m tfrec_mt.pipelines.fine_tune --base=runs/takeout/base --data=runs/takeout/data \
      --parts=fresh --output=runs/takeout/kernels
"""

from pathlib import Path

from absl import flags

from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.pipelines import training_flags
from tfrec_mt.pipelines.flag_types import define_positive_list
from tfrec_mt.pipelines.run_binary import run_binary
from tfrec_mt.training.fine_tune import FineTuneConfig, fine_tune
from tfrec_mt.training.kernel_rates import RATE_RULES

flags.adopt_module_key_flags(training_flags)

_BASE = flags.DEFINE_string("base", None, "Run folder of the base model.", required=True)
_DATA = flags.DEFINE_string("data", None, "Prepared dataset.", required=True)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Run folder: new, or an unfinished run to resume.", required=True
)
_PARTS = flags.DEFINE_list(
    "parts", ["fresh"], "Parts to train on; not ones that the base was trained on."
)
_TOPICS = flags.DEFINE_list("topics", [], "Topics to train kernels for; default all.")
_ADAPTER = flags.DEFINE_enum("adapter", "iak", sorted(ADAPTERS), "Kind of kernel.")
_ENCODER_UNITS = define_positive_list(
    "encoder_units", [50], "Layers of the encoder; the last is its width d_e."
)
_KL_WEIGHT = flags.DEFINE_float("kl_weight", 1.0, "Weight of the KL term.", lower_bound=0.0)
_RATE_RULE = flags.DEFINE_enum(
    "rate_rule", "none", RATE_RULES, "Dynamic batch-aware rates, equation 21 of the IAK paper."
)


def main() -> None:
    """Trains and says where the kernels are."""
    config = FineTuneConfig(
        base=Path(_BASE.value),
        data=Path(_DATA.value),
        output=Path(_OUTPUT.value),
        parts=tuple(_PARTS.value),
        topics=tuple(_TOPICS.value),
        adapter=_ADAPTER.value,
        adapter_settings={"encoder_units": tuple(int(width) for width in _ENCODER_UNITS.value)},
        kl_weight=_KL_WEIGHT.value,
        rate_rule=_RATE_RULE.value,
        optimizer=training_flags.OPTIMIZER.value,
        learning_rate=training_flags.LEARNING_RATE.value,
        train=training_flags.train_config(),
    )
    print(f"kernels: {fine_tune(config)}")


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()

"""Exports a base and its kernels as the next version of one SavedModel.

Or makes the next version from the newest one, with kernels added or removed: the base, its data
and the graph are not touched. Or publishes an older version again, as the newest.

Examples:
  python -m tfrec_mt.pipelines.export --base=runs/takeout/base --kernels=runs/takeout/kernels \
      --data=runs/takeout/data --output=runs/takeout/export
  python -m tfrec_mt.pipelines.export --output=runs/takeout/export \
      --add_kernel=runs/late/kernels/kernels/region/south.safetensors \
      --remove_kernel=region/north
  python -m tfrec_mt.pipelines.export --output=runs/takeout/export --roll_back
"""

from pathlib import Path

from absl import flags

from tfrec_mt.evaluation.metric_row import read_rows
from tfrec_mt.jobs.exchange import roll_back, split_name
from tfrec_mt.jobs.export import export
from tfrec_mt.pipelines.flag_types import define_precision, given_settings, refuse_flags
from tfrec_mt.pipelines.run_binary import run_binary
from tfrec_mt.schema import SchemaError
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels

_BASE = flags.DEFINE_string("base", None, "Run folder of the base model.")
_KERNELS = flags.DEFINE_string("kernels", None, "Run folder of the kernels; none: base alone.")
_DATA = flags.DEFINE_string("data", None, "Prepared dataset whose sampled requests warm up.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder of the versions.", required=True)
_NAME = flags.DEFINE_string(
    "name", None, "Name of the model in warm-up requests; default: ranking or news."
)
_ADD_KERNEL = flags.DEFINE_multi_string(
    "add_kernel",
    [],
    "File .../TOPIC/DOMAIN.safetensors of a kernel to add to the newest version; repeatable.",
)
_REMOVE_KERNEL = flags.DEFINE_multi_string(
    "remove_kernel", [], "TOPIC/DOMAIN of a kernel of the newest version to leave out; repeatable."
)
_METRICS = flags.DEFINE_string(
    "metrics", None, "metrics.json of an evaluation, for the model card."
)
_PRECISION = define_precision(
    "Type of the main net's products. bfloat16 is faster on CPUs that have it (AMX, avx512_bf16), "
    "slower on others; compare `evaluate --precision` first."
)
_MAX_ITEMS = flags.DEFINE_integer(
    "max_items",
    None,
    "Items that a request to a ranking model's score_candidates may have; default any number.",
    lower_bound=1,
)
# Flags of a new export, and of one with other kernels.
_OPTIONS = {"name", "precision", "max_items", "allow_signature_change"}
_EXPORT = _OPTIONS | {"base", "kernels", "data", "metrics"}
_EXCHANGE = {"add_kernel", "remove_kernel"}
_ROLL_BACK = flags.DEFINE_bool("roll_back", False, "Publishes an older version again.")
_VERSION = flags.DEFINE_integer(
    "version", None, "The version to go back to; by default the newest but one.", lower_bound=1
)
_ALLOW_SIGNATURE_CHANGE = flags.DEFINE_bool(
    "allow_signature_change", False, "Clients of the newest version may have to change."
)


def main() -> None:
    """Exports and says where the version is."""
    if _ROLL_BACK.value:
        refuse_flags(_EXPORT | _EXCHANGE, "--roll_back")
        version = roll_back(_OUTPUT.value, _VERSION.value)
    elif _ADD_KERNEL.value or _REMOVE_KERNEL.value:
        refuse_flags(_EXPORT | {"version"}, "an exchange of kernels")
        version = exchange_kernels(
            ExchangeConfig(
                output=Path(_OUTPUT.value),
                add=[Path(file) for file in _ADD_KERNEL.value],
                remove=[split_name(domain) for domain in _REMOVE_KERNEL.value],
            )
        )
    else:
        refuse_flags({"version"}, "an export")
        version = _export()
    print(f"export: {version}")


def _export() -> Path:
    if not (_BASE.value and _DATA.value):
        raise SchemaError("an export needs --base and --data, an exchange --add_kernel or so")
    return export(
        _KERNELS.value or _BASE.value,
        _OUTPUT.value,
        _DATA.value,
        base=_BASE.value,
        metrics=read_rows(_METRICS.value) if _METRICS.value else (),
        **{n: v for n, v in given_settings(__name__).items() if n in _OPTIONS},
    )


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()

"""Measures a base, its kernels and the control per task and domain, with intervals.

Of a click log the metrics are over rows; of news they are means over impressions.

Example:
  python -m tfrec_mt.pipelines.evaluate --data=runs/takeout/data --base=runs/takeout/base \
      --kernels=runs/takeout/kernels --output=runs/takeout/evaluation
"""

from pathlib import Path

from absl import flags

from tfrec_mt.jobs.evaluate import evaluate
from tfrec_mt.pipelines.flag_types import define_precision
from tfrec_mt.pipelines.run_binary import run_binary

_DATA = flags.DEFINE_string("data", None, "Prepared dataset.", required=True)
_BASE = flags.DEFINE_string("base", None, "Run folder of the base model.", required=True)
_KERNELS = flags.DEFINE_string("kernels", None, "Run folder of the kernels.")
_CONTROL = flags.DEFINE_string(
    "control", None, "Run folder of the base continued on the kernels' rows."
)
_PART = flags.DEFINE_string("part", "test", "Part to score.")
_SEEN_IN = flags.DEFINE_list(
    "seen_in",
    [],
    "Parts, such as the kernels' own: each domain is also measured on users that had rows of it "
    "there, and on those that had none.",
)
_PRECISION = define_precision("Type of the main net's products, as in an export of this precision.")
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "Folder to make, with metrics.json and, where matplotlib is, report.html.",
    required=True,
)


def main() -> None:
    """Evaluates and prints a table per task."""
    found = evaluate(
        _KERNELS.value or _BASE.value,
        _DATA.value,
        base=_BASE.value,
        control=_CONTROL.value,
        part=_PART.value,
        seen_in=_SEEN_IN.value,
        precision=_PRECISION.value,
        output=_OUTPUT.value,
    )
    files = sorted(path.name for path in Path(_OUTPUT.value).iterdir())
    print(f"{found}\n\n{_OUTPUT.value}: {', '.join(files)}")


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()

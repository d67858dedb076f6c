"""Trains the kernels of one or several topics behind a frozen base, of click logs or of news.

Example:
  python -m tfrec_mt.pipelines.fine_tune --base=runs/takeout/base --data=runs/takeout/data \
      --parts=fresh --output=runs/takeout/kernels
"""

from pathlib import Path

from absl import flags

from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.jobs.fine_tune import fine_tune
from tfrec_mt.pipelines import kernel_flags, training_flags
from tfrec_mt.pipelines.flag_types import define_precision
from tfrec_mt.pipelines.run_binary import run_binary
from tfrec_mt.storage.names import KERNELS
from tfrec_mt.training.share_cores import share_cores

flags.adopt_module_key_flags(kernel_flags)
flags.adopt_module_key_flags(training_flags)
flags.set_default(training_flags.BATCH_SIZE, 256)
flags.set_default(training_flags.LEARNING_RATE, FineTuneConfig.learning_rate)

_BASE = flags.DEFINE_string("base", None, "Run folder of the base model.", required=True)
_DATA = flags.DEFINE_string("data", None, "Prepared dataset.", required=True)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Run folder: new, or an unfinished run to resume.", required=True
)
_PARTS = flags.DEFINE_list(
    "parts", list(FineTuneConfig.parts), "Parts to train on; not ones that the base was trained on."
)
_TOPICS = flags.DEFINE_list("topics", [], "Topics to train kernels for; default all.")
_BESIDE = flags.DEFINE_string(
    "beside",
    None,
    "Run folder of kernels of other topics, which are to serve together with these; they do not "
    "change, and what they correct is not corrected again.",
)
_KNOWLEDGE = flags.DEFINE_string(
    "knowledge",
    None,
    "Folder that keeps what the base knows of a click log's rows, for other runs too; by default a "
    "run of several epochs keeps it in its own folder.",
)
_PRECISION = define_precision("Type of the base's products, in a click log.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of weights and batch order.", lower_bound=0)


def main() -> None:
    """Trains and says where the kernels are."""
    share_cores()
    fine_tune(
        _BASE.value,
        _DATA.value,
        _OUTPUT.value,
        parts=_PARTS.value,
        topics=_TOPICS.value,
        beside=_BESIDE.value,
        knowledge=_KNOWLEDGE.value,
        precision=_PRECISION.value,
        seed=_SEED.value,
        **kernel_flags.kernel_settings(),
        **training_flags.training_settings(),
    )
    print(f"kernels: {Path(_OUTPUT.value) / KERNELS}")


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()

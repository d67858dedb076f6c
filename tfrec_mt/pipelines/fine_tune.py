"""Trains the kernels of one or several topics behind a frozen base, of click logs or of news.

Example:
  python -m tfrec_mt.pipelines.fine_tune --base=runs/takeout/base --data=runs/takeout/data \
      --parts=fresh --output=runs/takeout/kernels
"""

from pathlib import Path

from absl import flags

from tfrec_mt.data.news.news_manifest import is_news_dataset
from tfrec_mt.pipelines import kernel_flags, training_flags
from tfrec_mt.pipelines.flag_types import define_precision, path_or_none, refuse_flags
from tfrec_mt.pipelines.run_binary import run_binary
from tfrec_mt.training.fine_tune import FineTuneConfig, fine_tune
from tfrec_mt.training.fine_tune_news import fine_tune_news
from tfrec_mt.training.share_cores import share_cores

flags.adopt_module_key_flags(kernel_flags)
flags.adopt_module_key_flags(training_flags)
# Kernels are small and see few rows.
flags.set_default(training_flags.BATCH_SIZE, 256)
flags.set_default(training_flags.LEARNING_RATE, 0.05)

_BASE = flags.DEFINE_string("base", None, "Run folder of the base model.", required=True)
_DATA = flags.DEFINE_string("data", None, "Prepared dataset.", required=True)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Run folder: new, or an unfinished run to resume.", required=True
)
_PARTS = flags.DEFINE_list(
    "parts", ["fresh"], "Parts to train on; not ones that the base was trained on."
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
    config = FineTuneConfig(
        base=Path(_BASE.value),
        data=Path(_DATA.value),
        output=Path(_OUTPUT.value),
        parts=tuple(_PARTS.value),
        topics=tuple(_TOPICS.value),
        adapter=kernel_flags.ADAPTER.value,
        adapter_settings=kernel_flags.adapter_settings(),
        kl_weight=kernel_flags.KL_WEIGHT.value,
        related_share=kernel_flags.RELATED_SHARE.value,
        joint=kernel_flags.JOINT.value,
        beside=path_or_none(_BESIDE.value),
        certainty=kernel_flags.CERTAINTY.value,
        rate_rule=kernel_flags.rate_rule(),
        optimizer=training_flags.OPTIMIZER.value,
        learning_rate=training_flags.LEARNING_RATE.value,
        rate_schedule=training_flags.rate_schedule(),
        knowledge=path_or_none(_KNOWLEDGE.value),
        precision=_PRECISION.value,
        train=training_flags.train_config(_SEED.value),
    )
    if is_news_dataset(config.data):
        refuse_flags({"knowledge", "precision"}, "prepared news")
        folder = fine_tune_news(config)
    else:
        share_cores()
        folder = fine_tune(config)
    print(f"kernels: {folder}")


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()

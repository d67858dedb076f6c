r"""Trains a base model, or continues one: a ranking model on a click log, a news model on news.

Examples:
  python -m tfrec_mt.pipelines.pretrain --data=runs/takeout/data --output=runs/takeout/base
  python -m tfrec_mt.pipelines.pretrain --flagfile=recipes/mtrec_newsroom.flags \
      --data=runs/newsroom/data --output=runs/newsroom/base
"""

from pathlib import Path

from absl import flags

from tfrec_mt.jobs.pretrain import pretrain
from tfrec_mt.pipelines import model_flags, news_model_flags, training_flags
from tfrec_mt.pipelines.run_binary import run_binary
from tfrec_mt.storage.names import MODEL
from tfrec_mt.training.share_cores import share_cores

flags.adopt_module_key_flags(model_flags)
flags.adopt_module_key_flags(news_model_flags)
flags.adopt_module_key_flags(training_flags)

_DATA = flags.DEFINE_string("data", None, "Prepared dataset.", required=True)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Run folder: new, or an unfinished run to resume.", required=True
)
_PARTS = flags.DEFINE_list("parts", ["train"], "Parts to train on.")
_VALIDATION = flags.DEFINE_string("validation", None, "Part that early stopping looks at.")
_INIT_FROM = flags.DEFINE_string("init_from", None, "Run folder of a base model to continue.")
_BASE_TOPICS = flags.DEFINE_list("base_topics", [], "Topics whose domain the model sees.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of weights, batch order and dropout.", lower_bound=0)


def main() -> None:
    """Trains and says where the model is."""
    share_cores()
    settings = news_model_flags.news_settings() | model_flags.model_settings()
    if model_flags.EMA_DECAY.present:
        settings["ema_decay"] = model_flags.EMA_DECAY.value
    if _BASE_TOPICS.value:
        settings["base_topics"] = tuple(_BASE_TOPICS.value)
    pretrain(
        _DATA.value,
        _OUTPUT.value,
        model=model_flags.MODEL.value if model_flags.MODEL.present else None,
        parts=_PARTS.value,
        validation=_VALIDATION.value,
        init_from=_INIT_FROM.value,
        seed=_SEED.value,
        **training_flags.training_settings(),
        **settings,
    )
    print(f"model: {Path(_OUTPUT.value) / MODEL}")


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()

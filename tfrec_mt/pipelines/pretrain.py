"""Trains a base model, or continues one.

Example:
  python -m tfrec_mt.pipelines.pretrain --data=runs/takeout/data --output=runs/takeout/base
"""

from pathlib import Path

from absl import flags

from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.pipelines import training_flags
from tfrec_mt.pipelines.flag_types import define_positive_list, path_or_none
from tfrec_mt.pipelines.run_binary import run_binary
from tfrec_mt.training.pretrain import PretrainConfig, pretrain

flags.adopt_module_key_flags(training_flags)

_DATA = flags.DEFINE_string("data", None, "Prepared dataset.", required=True)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Run folder: new, or an unfinished run to resume.", required=True
)
_PARTS = flags.DEFINE_list("parts", ["train"], "Parts to train on.")
_VALIDATION = flags.DEFINE_string("validation", None, "Part that early stopping looks at.")
_INIT_FROM = flags.DEFINE_string("init_from", None, "Run folder of a base model to continue.")
_MODEL = flags.DEFINE_enum("model", "olr", sorted(RANKING_MODELS), "Kind of model.")
_BASE_TOPICS = flags.DEFINE_list("base_topics", [], "Topics whose domain the model sees.")
_EMBEDDING_WIDTH = flags.DEFINE_integer("embedding_width", 8, "Width.", lower_bound=1)
_UNITS = define_positive_list("units", [128, 64], "Layers of each expert.")
_DROPOUT = flags.DEFINE_float(
    "dropout", 0.0, "Dropout of the experts.", lower_bound=0.0, upper_bound=0.99
)
_EXPERTS = flags.DEFINE_integer("experts", 2, "Number of experts.", lower_bound=1)
_HEADS = flags.DEFINE_integer("heads", 8, "Attention heads.", lower_bound=1)
_HEAD_WIDTH = flags.DEFINE_integer("head_width", 8, "Width of a head.", lower_bound=1)
_LONG_TOP = flags.DEFINE_integer(
    "long_top", 32, "Elements of the long history that are attended to.", lower_bound=1
)


def main() -> None:
    """Trains and says where the model is."""
    config = PretrainConfig(
        data=Path(_DATA.value),
        output=Path(_OUTPUT.value),
        parts=tuple(_PARTS.value),
        validation=_VALIDATION.value,
        model=_MODEL.value,
        model_settings={
            "base_topics": tuple(_BASE_TOPICS.value),
            "embedding_width": _EMBEDDING_WIDTH.value,
            "units": tuple(int(width) for width in _UNITS.value),
            "dropout": _DROPOUT.value,
            "experts": _EXPERTS.value,
            "heads": _HEADS.value,
            "head_width": _HEAD_WIDTH.value,
            "long_top": _LONG_TOP.value,
        },
        init_from=path_or_none(_INIT_FROM.value),
        optimizer=training_flags.OPTIMIZER.value,
        learning_rate=training_flags.LEARNING_RATE.value,
        train=training_flags.train_config(),
    )
    print(f"model: {pretrain(config)}")


def run() -> None:
    """Console command."""
    run_binary(main)


if __name__ == "__main__":
    run()

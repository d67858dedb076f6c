"""Flags that describe a base model, shared by the binaries that make one."""

import inspect
from typing import Any

from absl import flags

from tfrec_mt.configs import PretrainConfig
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.pipelines.flag_types import define_positive_list, given_settings, refuse_flags

MODEL = flags.DEFINE_enum("model", PretrainConfig.model, sorted(RANKING_MODELS), "Kind of model.")
_EMBEDDING_WIDTH = flags.DEFINE_integer("embedding_width", 8, "Embedding width.", lower_bound=1)
_UNITS = define_positive_list("units", [128, 64], "Layers of each expert.")
_DROPOUT = flags.DEFINE_float(
    "dropout", 0.0, "Dropout of the experts.", lower_bound=0.0, upper_bound=0.99
)
EMA_DECAY = flags.DEFINE_float(
    "ema_decay",
    0.0,
    "Decay per step of a moving average of the base's weights, which is what is kept; 0: none.",
    lower_bound=0.0,
    upper_bound=0.999999,
)
_EXPERTS = flags.DEFINE_integer("experts", 2, "Number of experts.", lower_bound=1)
_HEADS = flags.DEFINE_integer("heads", 8, "Attention heads.", lower_bound=1)
_HEAD_WIDTH = flags.DEFINE_integer("head_width", 8, "Width of a head.", lower_bound=1)
_LONG_TOP = flags.DEFINE_integer(
    "long_top", 32, "Elements of the long history that are attended to.", lower_bound=1
)


def model_settings() -> dict[str, Any]:
    """Settings of the model that were given, by name.

    Raises:
      SchemaError: A flag that is of no effect on this kind of model.
    """
    if "experts" not in inspect.signature(RANKING_MODELS[MODEL.value]).parameters:
        refuse_flags({"experts"}, f"--model={MODEL.value}")
    given = given_settings(__name__)
    if "units" in given:
        given["units"] = tuple(int(width) for width in given["units"])
    return {name: value for name, value in given.items() if name not in ("model", "ema_decay")}

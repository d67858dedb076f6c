"""The settings of each step, in dataclasses that need neither TensorFlow nor Keras.

The binaries' flags and help texts, settings in Python and `run.json` are generated from them.
"""

from tfrec_mt.configs.choices import (
    RATE_RULES,
    RATE_SCHEDULES,
    SURGERIES,
    RateRule,
    RateSchedule,
    Surgery,
)
from tfrec_mt.configs.evaluate import EvaluateConfig
from tfrec_mt.configs.export import ExportConfig, ExportOptions
from tfrec_mt.configs.fine_tune import FineTuneConfig
from tfrec_mt.configs.pretrain import NewsPretrainConfig, PretrainConfig
from tfrec_mt.configs.retrieve import RetrieveConfig
from tfrec_mt.configs.score import ScoreConfig
from tfrec_mt.configs.train import TrainConfig

__all__ = [
    "RATE_RULES",
    "RATE_SCHEDULES",
    "SURGERIES",
    "EvaluateConfig",
    "ExportConfig",
    "ExportOptions",
    "FineTuneConfig",
    "NewsPretrainConfig",
    "PretrainConfig",
    "RateRule",
    "RateSchedule",
    "RetrieveConfig",
    "ScoreConfig",
    "Surgery",
    "TrainConfig",
]

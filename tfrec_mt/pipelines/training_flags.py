"""Flags of the training loop, shared by the binaries that train."""

from pathlib import Path
from typing import Any, cast

from absl import flags

from tfrec_mt.configs import (
    RATE_SCHEDULES,
    NewsPretrainConfig,
    PretrainConfig,
    RateSchedule,
    TrainConfig,
)
from tfrec_mt.pipelines.flag_types import given_settings
from tfrec_mt.training.optimizers.catalog import OPTIMIZERS

_DEFAULTS = TrainConfig()
_NEWS = NewsPretrainConfig(data=Path(), output=Path())

BATCH_SIZE = flags.DEFINE_integer(
    "batch_size",
    _DEFAULTS.batch_size,
    f"Rows of a training step; of news clicks, by default {_NEWS.train.batch_size}.",
    lower_bound=1,
)
_EPOCHS = flags.DEFINE_integer("epochs", _DEFAULTS.epochs, "Passes over the parts.", lower_bound=1)
_STEPS_PER_CALL = flags.DEFINE_integer(
    "steps_per_call", _DEFAULTS.steps_per_call, "Steps between returns to Python.", lower_bound=1
)
_CHECKPOINT_EVERY = flags.DEFINE_integer(
    "checkpoint_every", _DEFAULTS.checkpoint_every, "Steps between checkpoints.", lower_bound=1
)
_PATIENCE = flags.DEFINE_integer(
    "patience",
    _DEFAULTS.patience,
    "Epochs without a better validation AUC before stopping; 0 never stops early.",
    lower_bound=0,
)
OPTIMIZER = flags.DEFINE_enum(
    "optimizer", PretrainConfig.optimizer, sorted(OPTIMIZERS), "Optimizer."
)
LEARNING_RATE = flags.DEFINE_float(
    "learning_rate",
    PretrainConfig.learning_rate,
    f"Learning rate at the start, above 0; of news by default {_NEWS.learning_rate:g}.",
    lower_bound=1e-12,
)
_RATE_SCHEDULE = flags.DEFINE_enum(
    "rate_schedule",
    PretrainConfig.rate_schedule,
    RATE_SCHEDULES,
    "Falls to 0 over the run, or stays.",
)


def training_settings() -> dict[str, Any]:
    """The settings that were given, by name."""
    return given_settings(__name__)


def rate_schedule() -> RateSchedule:
    """The schedule that the flags give."""
    return cast(RateSchedule, _RATE_SCHEDULE.value)


def train_config(seed: int) -> TrainConfig:
    """The settings that the flags give."""
    return TrainConfig(
        batch_size=BATCH_SIZE.value,
        epochs=_EPOCHS.value,
        steps_per_call=_STEPS_PER_CALL.value,
        checkpoint_every=_CHECKPOINT_EVERY.value,
        patience=_PATIENCE.value,
        seed=seed,
    )

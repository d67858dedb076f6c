"""`chosen_settings`: training settings chosen from the data where none are given."""

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

from absl import logging

from tfrec_mt.configs import PretrainConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.models.catalog import RANKING_MODELS

MOST_PASSES = 20
PATIENCE = 2
# A pass has about this many steps, within the limits of the batch size.
STEPS = 400
SMALLEST_BATCH, LARGEST_BATCH = 64, 512
# An average of weights reaches back over some 500 steps, so it needs more steps than a pass.
EMA_DECAY, LEAST_AVERAGED = 0.998, 2_000
# Averaging passes over whole tables at every step: larger tables would cost more than the rest.
MOST_AVERAGED_ROWS = 200_000

_Config = TypeVar("_Config", bound=PretrainConfig)


def chosen_settings(config: _Config, dataset: PreparedDataset) -> _Config:
    """Sets what `config.chosen` names, by rules that look at numbers of rows alone.

    - `batch_size`: the power of two, from 64 to 512, that gives a pass 400 steps or more.
    - `epochs`: up to 20 passes, until the loss on the part after the training parts has not fallen
      for 2. The last part is not used, as models are evaluated on it: if only that is left, there
      is one pass.
    - `rate_schedule` and `ema_decay`: a constant rate and averaged weights, if a model starts at
      its floor (random weights would stay in the average for several passes), tables have at most
      200,000 rows, and there may be 2,000 steps; otherwise a rate that falls over each pass.

    Args:
      config: Settings.
      dataset: What the base will learn from.
    """
    if "batch_size" in config.chosen:
        rows = sum(dataset.rows(part) for part in config.parts)
        most = max(rows // STEPS, 1).bit_length() - 1
        size = min(max(2**most, SMALLEST_BATCH), LARGEST_BATCH)
        train = dataclasses.replace(config.train, batch_size=size)
        config = dataclasses.replace(config, train=train)
    if "epochs" in config.chosen:
        validation = config.validation or _part_behind(config.parts, dataset.parts)
        if validation is None:
            logging.warning(
                "%s has no part between %s and the last to validate on, so there is one pass: name "
                "a part (validation), say how many (epochs), or prepare three parts",
                dataset.path,
                ", ".join(config.parts),
            )
        else:
            patience = config.train.patience or PATIENCE
            train = dataclasses.replace(config.train, epochs=MOST_PASSES, patience=patience)
            config = dataclasses.replace(config, validation=validation, train=train)
    if "rate_schedule" in config.chosen:
        if "ema_decay" in config.chosen and _can_average(config, dataset):
            config = dataclasses.replace(config, ema_decay=EMA_DECAY)
        if config.ema_decay:
            config = dataclasses.replace(config, rate_schedule="constant")
    return config


def _can_average(config: PretrainConfig, dataset: PreparedDataset) -> bool:
    model = RANKING_MODELS.get(config.model)
    at_floor = config.start == "floor" and model is not None and model.stacked
    rows = sum(vocabulary.rows for vocabulary in dataset.schema.vocabularies)
    steps = sum(map(dataset.rows, config.parts)) // config.train.batch_size * config.train.epochs
    return at_floor and rows <= MOST_AVERAGED_ROWS and steps >= LEAST_AVERAGED


def _part_behind(learned: Sequence[str], parts: Sequence[str]) -> str | None:
    """The part after the training parts, unless it is the last."""
    last = max((parts.index(name) for name in learned if name in parts), default=0)
    return parts[last + 1] if last + 2 < len(parts) else None

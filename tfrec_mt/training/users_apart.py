"""`UsersApart`: batches in which held-out users have no weight, and the loss on their rows."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema.task import ROW_WEIGHT
from tfrec_mt.training.train_loop import Reader
from tfrec_mt.training.user_clusters import held_out
from tfrec_mt.training.weighted_loss import WeightedLoss


class Apart(Reader, Protocol):
    """A reader of batches in which rows of some users have no weight."""

    def loss(self, model: Any, task_weights: Mapping[str, float]) -> float:
        """A model's mean loss on these rows; NaN where there are none."""


class UsersApart:
    """A reader's batches in which rows of a third of the users have no weight.

    A model that learns from them takes as many steps as one that learns from all rows.

    Args:
      reader: A reader of click logs.
      steps_per_call: Steps that are read at once.
    """

    def __init__(self, reader: Reader, steps_per_call: int) -> None:
        self._reader, self._steps_per_call = reader, steps_per_call
        self.steps_per_epoch = reader.steps_per_epoch

    def read(self, start_step: int, stop_step: int) -> Batch:
        batch = self._reader.read(start_step, stop_step)
        learned = (~held_out(batch.keys["user"])).astype(np.float32)
        weights = batch.labels.get(ROW_WEIGHT, np.float32(1.0)) * learned
        return dataclasses.replace(batch, labels=batch.labels | {ROW_WEIGHT: weights})

    def loss(self, model: RankingModel, task_weights: Mapping[str, float]) -> float:
        """Weighted sum over tasks of a model's mean loss on the rows of an epoch held out.

        Args:
          model: Scores rows as it does when it serves.
          task_weights: See `multi_task_loss`.

        Returns:
          NaN where no row is held out.
        """
        found = WeightedLoss(model, task_weights)
        for start in range(0, self.steps_per_epoch, self._steps_per_call):
            stop = min(start + self._steps_per_call, self.steps_per_epoch)
            batch = self._reader.read(start, stop)
            chosen = held_out(batch.keys["user"])
            if chosen.any():
                features, labels = (
                    {name: values[chosen] for name, values in of.items()}
                    for of in (batch.features, batch.labels)
                )
                found.add(features, labels)
        return found.value

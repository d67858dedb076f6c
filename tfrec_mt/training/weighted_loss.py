"""`WeightedLoss`: the loss that training minimises, on rows that are not trained on."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.reading.batch import Arrays
from tfrec_mt.losses.multi_task_loss import observed, row_losses, weights_of
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.schema.task import ROW_WEIGHT


class WeightedLoss:
    """Weighted sum over tasks of the mean loss of the rows added so far.

    Args:
      model: Scores rows as it does when it serves.
      task_weights: See `multi_task_loss`.
    """

    def __init__(self, model: RankingModel, task_weights: Mapping[str, float]) -> None:
        self._score, self._tasks = Scorer(model), model.learned_tasks()
        self._weights = weights_of(self._tasks, task_weights)
        self.reset()

    def reset(self) -> None:
        """Forgets all rows."""
        self._sums: dict[str, npt.NDArray[np.float64]] = {
            task.name: np.zeros(2) for task in self._tasks
        }

    def add(self, features: Arrays, labels: Arrays) -> None:
        """Adds rows `[B]`."""
        scores = self._score(features)
        for task in self._tasks:
            own = labels[task.name]
            weights = np.where(observed(own), labels.get(ROW_WEIGHT, 1.0), 0.0)
            loss = np.dot(row_losses(task, scores[task.name], own), weights)
            self._sums[task.name] += (loss, weights.sum())

    @property
    def value(self) -> float:
        """The sum; NaN where a task has no row."""
        if not all(total for _, total in self._sums.values()):
            return float("nan")
        return float(
            sum(self._weights[n] * loss / total for n, (loss, total) in self._sums.items())
        )

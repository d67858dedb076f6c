"""`MetricTable`: the metrics of all models on all cells, and how the models compare."""

import abc
import math
from collections.abc import Sequence

from tfrec_mt.evaluation.cells import ALL, MEAN, ORACLE, Cell
from tfrec_mt.evaluation.estimate import Estimate, difference, mean, share
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.scored_models import ScoredModels
from tfrec_mt.metrics.calibration import DEFAULT_BINS, CalibrationBin
from tfrec_mt.schema import SchemaError

ERRORS = ("rmse", "mae")


class MetricTable(abc.ABC):
    """Metrics of an evaluator, over rows or over impressions.

    Args:
      models: The scored models.
      tasks: Task names.
      metrics: Names of the metrics.
    """

    def __init__(self, models: ScoredModels, tasks: Sequence[str], metrics: Sequence[str]) -> None:
        self._models = models
        self._tasks = tuple(tasks)
        self.metrics = tuple(metrics)
        self._estimates: dict[tuple[str, str, Cell, str], Estimate] = {}

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models in the order of their rows."""
        return self._models.models

    def metrics_of(self, task: str) -> tuple[str, ...]:
        """Metrics of a task."""
        return self.metrics

    def compared(self, task: str) -> tuple[str, ...]:
        """Metrics of a task by which models are compared."""
        return ("auc",)

    def calibrated(self, task: str) -> bool:
        """Whether scores are probabilities and have a reliability curve."""
        return False

    def reliability(
        self, model: str, task: str, topic: str = ALL, bins: int = DEFAULT_BINS
    ) -> list[CalibrationBin]:
        """Predicted against actual rates over all rows in a domain of the topic."""
        raise SchemaError(f"the scores of task {task!r} are no probabilities")

    @abc.abstractmethod
    def knows_truth(self, task: str) -> bool:
        """Whether the true probabilities of a task are known."""

    @abc.abstractmethod
    def _compute(self, model: str, task: str, cell: Cell, metric: str) -> Estimate:
        """See `estimate`."""

    @abc.abstractmethod
    def _size(self, model: str, task: str, cell: Cell) -> int:
        """Rows or impressions of a cell."""

    def estimate(self, model: str, task: str, cell: Cell, metric: str) -> Estimate:
        """One metric of one model on one cell; the model `oracle` is the true probabilities.

        Raises:
          SchemaError: The model was not scored there, or a name is unknown.
        """
        place = (model, task, cell, metric)
        if place not in self._estimates:
            self._estimates[place] = self._compute(model, task, cell, metric)
        return self._estimates[place]

    def rows(self) -> list[MetricRow]:
        """Every metric of every model on every cell, even where it is not defined.

        Cells of topics apart are left out where they have no row.
        """
        return [
            self._row(model, task, cell, metric, self.estimate(model, task, cell, metric))
            for model in self.models
            for task in self._tasks
            for cell in self._models.cells(model)
            if cell.topic not in self._models.apart or self._size(model, task, cell)
            for metric in self.metrics_of(task)
        ]

    def lift(self, model: str, reference: str) -> list[MetricRow]:
        """By how much `model` is better than `reference`, with paired intervals: `auc_lift`.

        The lift of an error such as `rmse` is its decrease.

        One row per cell where both are scored, one with domain `mean` per topic (the plain mean
        over its domains), and one with topic `all` and domain `mean` over the domains of all
        topics. `n` of a mean is the sum over its domains, so a row counts once per topic.
        """
        return [
            row
            for task in self._tasks
            for metric in self.compared(task)
            for row in self._lift(model, reference, task, metric)
        ]

    def oracle_share(self, model: str, baseline: str) -> list[MetricRow]:
        """Share of the oracle's lead over `baseline` that `model` reaches.

        For AUC `(AUC - AUC_baseline) / (AUC_oracle - AUC_baseline)`: an `auc_oracle_share` row per
        task whose truth is known and cell where both models are scored.
        """
        cells = set(self._models.cells(baseline))
        return [
            self._row(
                model,
                task,
                cell,
                f"{metric}_oracle_share",
                share(*(self.estimate(m, task, cell, metric) for m in (model, baseline, ORACLE))),
                baseline,
            )
            for task in self._tasks
            if self.knows_truth(task)
            for metric in self.compared(task)
            for cell in self._models.cells(model)
            if cell in cells and cell.topic not in self._models.apart
        ]

    def _lift(self, model: str, reference: str, task: str, metric: str) -> list[MetricRow]:
        known = set(self._models.cells(reference))
        pair = (reference, model) if metric in ERRORS else (model, reference)
        lifts = {
            cell: difference(*(self.estimate(m, task, cell, metric) for m in pair))
            for cell in self._models.cells(model)
            if cell in known and cell.topic not in self._models.apart
        }
        name = f"{metric}_lift"
        found = [
            self._row(model, task, cell, name, lift, reference) for cell, lift in lifts.items()
        ]
        of_domains = [cell for cell in lifts if cell.topic != ALL]
        for topic in dict.fromkeys(cell.topic for cell in [*of_domains, Cell(ALL, ALL)]):
            averaged = [cell for cell in of_domains if topic in (ALL, cell.topic)]
            if averaged:
                defined = [cell for cell in averaged if not math.isnan(lifts[cell].value)]
                size = sum(self._size(model, task, cell) for cell in defined)
                lift = mean([lifts[cell] for cell in averaged])
                found.append(self._row(model, task, Cell(topic, MEAN), name, lift, reference, size))
        return found

    def _row(
        self,
        model: str,
        task: str,
        cell: Cell,
        metric: str,
        estimate: Estimate,
        reference: str | None = None,
        size: int | None = None,
    ) -> MetricRow:
        low, high = estimate.interval()
        oracle = None
        if reference is None and self.knows_truth(task):
            oracle = self.estimate(ORACLE, task, cell, metric).value
        return MetricRow(
            model=model,
            task=task,
            topic=cell.topic,
            domain=cell.domain,
            metric=metric,
            value=estimate.value,
            n=self._size(model, task, cell) if size is None else size,
            ci_low=low,
            ci_high=high,
            oracle=oracle,
            reference=reference,
            note=estimate.note,
        )

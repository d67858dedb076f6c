"""`ScoreTable`: the metrics of all models on all cells, and how the models compare."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tfrec_mt.errors import nearest
from tfrec_mt.evaluation.cells import ALL, MEAN, ORACLE, Cell, ScoreKey
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate, difference, mean, share
from tfrec_mt.evaluation.grouped_sums import GroupedSums
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.score_histogram import ScoreHistogram
from tfrec_mt.evaluation.score_metrics import ScoreMetrics
from tfrec_mt.evaluation.scored_models import ScoredModels
from tfrec_mt.metrics.calibration_bins import DEFAULT_BINS, CalibrationBin, calibration_bins
from tfrec_mt.schema import SchemaError

_FROM_COUNTS: dict[str, Callable[[ScoreMetrics], Estimate]] = {
    "auc": ScoreMetrics.auc,
    "log_loss": ScoreMetrics.log_loss,
    "calibration": ScoreMetrics.calibration,
    "ece": ScoreMetrics.ece,
}
_GROUPED = {"gauc_user": "user", "gauc_request": "request"}


class ScoreTable:
    """What an `Evaluator` found.

    Args:
      models: What was scored.
      tasks: Task names.
      histograms: Counted scores per score key, task and topic.
      grouped: Grouped AUC by `user` and, where requests are known, by `request`.
      bootstrap: Resamples, the same for all.

    Attributes:
      metrics: Names of the metrics that `rows` holds.
    """

    def __init__(
        self,
        models: ScoredModels,
        tasks: Sequence[str],
        histograms: Mapping[tuple[ScoreKey, str, str], ScoreHistogram],
        grouped: Mapping[str, GroupedSums],
        bootstrap: ClusterBootstrap,
    ) -> None:
        self._models = models
        self._tasks = tuple(tasks)
        self._histograms = histograms
        self._grouped = grouped
        self._bootstrap = bootstrap
        self._estimates: dict[tuple[str, str, Cell, str], Estimate] = {}
        known = [metric for metric, field in _GROUPED.items() if field in grouped]
        self.metrics = ("auc", *known, "log_loss", "calibration", "ece")

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
        """Every metric of every model on every cell, also where it is not defined."""
        return [
            self._row(model, task, cell, metric)
            for model in self._models.models
            for task in self._tasks
            for cell in self._models.cells(model)
            for metric in self.metrics
        ]

    def lift(self, model: str, reference: str) -> list[MetricRow]:
        """AUC of `model` less that of `reference`, with paired intervals: `auc_lift`.

        One row per cell in which both are scored, one with domain `mean` per topic (the plain
        mean over its domains, so that a small domain counts as much as a large one), and one
        with topic `all` and domain `mean` over the domains of all topics. `n` of a mean is the
        sum over its domains, so a row counts once per topic.
        """
        cells = set(self._models.cells(reference))
        shared = [cell for cell in self._models.cells(model) if cell in cells]
        found: list[MetricRow] = []
        for task in self._tasks:
            lifts = {
                cell: difference(
                    self.estimate(model, task, cell, "auc"),
                    self.estimate(reference, task, cell, "auc"),
                )
                for cell in shared
            }
            sizes = {cell: self._size(model, task, cell) for cell in shared}
            of_domains = [cell for cell in shared if cell.topic != ALL]
            for cell in shared:
                found.append(
                    _comparison(model, reference, task, cell, "auc_lift", lifts[cell], sizes[cell])
                )
            for topic in dict.fromkeys(cell.topic for cell in [*of_domains, Cell(ALL, ALL)]):
                averaged = [cell for cell in of_domains if topic in (ALL, cell.topic)]
                if averaged:
                    average = mean([lifts[cell] for cell in averaged])
                    rows = sum(sizes[c] for c in averaged if not math.isnan(lifts[c].value))
                    found.append(
                        _comparison(
                            model, reference, task, Cell(topic, MEAN), "auc_lift", average, rows
                        )
                    )
        return found

    def oracle_share(self, model: str, baseline: str) -> list[MetricRow]:
        """Share of the oracle's lead over `baseline` in AUC that `model` reaches.

        `(AUC - AUC_baseline) / (AUC_oracle - AUC_baseline)`, one `auc_oracle_share` row per task
        whose truth is known and cell in which both models are scored.
        """
        cells = set(self._models.cells(baseline))
        found: list[MetricRow] = []
        for task in self._tasks:
            for cell in self._models.cells(model):
                if cell in cells and self._knows_truth(task):
                    parts = [self.estimate(m, task, cell, "auc") for m in (model, baseline, ORACLE)]
                    found.append(
                        _comparison(
                            model,
                            baseline,
                            task,
                            cell,
                            "auc_oracle_share",
                            share(*parts),
                            self._size(model, task, cell),
                        )
                    )
        return found

    def reliability(
        self, model: str, task: str, topic: str = ALL, bins: int = DEFAULT_BINS
    ) -> list[CalibrationBin]:
        """Predicted against actual rates over all rows that are in a domain of the topic."""
        histogram = self._histogram(model, task, topic)
        rows = histogram.rows.sum(axis=0, dtype=np.int64)
        return calibration_bins(rows.sum(axis=0), rows[1], histogram.predicted.sum(axis=0), bins)

    def _compute(self, model: str, task: str, cell: Cell, metric: str) -> Estimate:
        domain = self._place(cell)
        histogram = self._histogram(model, task, cell.topic)
        if metric not in self.metrics:
            raise SchemaError(f"no metric {metric!r}; {nearest(metric, self.metrics)}")
        if metric in _FROM_COUNTS:
            return _FROM_COUNTS[metric](ScoreMetrics(histogram, domain, self._bootstrap))
        key = self._models.key(model, cell.topic)
        assert key is not None  # _histogram has found it
        return self._grouped[_GROUPED[metric]].estimate(key, task, cell.topic, domain)

    def _histogram(self, model: str, task: str, topic: str) -> ScoreHistogram:
        key = self._models.key(model, topic)
        if key is None or (key, task, topic) not in self._histograms:
            raise SchemaError(f"model {model!r} has no scores for task {task!r}, topic {topic!r}")
        return self._histograms[key, task, topic]

    def _place(self, cell: Cell) -> int:
        domains = self._models.topics.get(cell.topic, ())
        if cell.domain not in domains:
            raise SchemaError(f"{cell} is unknown; {nearest(cell.domain, domains)}")
        return domains.index(cell.domain)

    def _size(self, model: str, task: str, cell: Cell) -> int:
        return int(self._histogram(model, task, cell.topic).rows[self._place(cell)].sum())

    def _knows_truth(self, task: str) -> bool:
        return (ScoreKey(ORACLE), task, ALL) in self._histograms

    def _row(self, model: str, task: str, cell: Cell, metric: str) -> MetricRow:
        estimate = self.estimate(model, task, cell, metric)
        low, high = estimate.interval()
        oracle = self.estimate(ORACLE, task, cell, metric) if self._knows_truth(task) else None
        return MetricRow(
            model=model,
            task=task,
            topic=cell.topic,
            domain=cell.domain,
            metric=metric,
            value=estimate.value,
            n=self._size(model, task, cell),
            ci_low=low,
            ci_high=high,
            oracle=oracle.value if oracle else None,
            note=estimate.note,
        )


def _comparison(
    model: str, reference: str, task: str, cell: Cell, metric: str, estimate: Estimate, rows: int
) -> MetricRow:
    low, high = estimate.interval()
    return MetricRow(
        model=model,
        task=task,
        topic=cell.topic,
        domain=cell.domain,
        metric=metric,
        value=estimate.value,
        n=rows,
        ci_low=low,
        ci_high=high,
        reference=reference,
        note=estimate.note,
    )

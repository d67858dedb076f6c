"""`ScoreTable`: the metrics of all models over rows."""

from collections.abc import Callable, Mapping, Sequence

from tfrec_mt.errors import nearest
from tfrec_mt.evaluation.cells import ALL, ORACLE, Cell, ScoreKey
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.evaluation.grouped_sums import GroupedSums
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.metric_table import ERRORS, MetricTable
from tfrec_mt.evaluation.regression_sums import REGRESSION_METRICS, RegressionSums
from tfrec_mt.evaluation.score_histogram import ScoreHistogram
from tfrec_mt.evaluation.score_metrics import ScoreMetrics
from tfrec_mt.evaluation.scored_models import ScoredModels
from tfrec_mt.metrics.calibration import DEFAULT_BINS, CalibrationBin, calibration_bins
from tfrec_mt.schema import SchemaError

_FROM_COUNTS: dict[str, Callable[[ScoreMetrics], Estimate]] = {
    "auc": ScoreMetrics.auc,
    "log_loss": ScoreMetrics.log_loss,
    "calibration": ScoreMetrics.calibration,
    "ece": ScoreMetrics.ece,
}
_GROUPED = {"gauc_user": "user", "gauc_request": "request"}


class ScoreTable(MetricTable):
    """The metrics that an `Evaluator` computed.

    Args:
      models: What was scored.
      tasks: Task names.
      histograms: Counted scores per score key, task and topic.
      grouped: Grouped AUC by `user` and, where requests are known, by `request`.
      bootstrap: Resamples, the same for all.
      errors: Errors of regressions per score key, task and topic.
    """

    def __init__(
        self,
        models: ScoredModels,
        tasks: Sequence[str],
        histograms: Mapping[tuple[ScoreKey, str, str], ScoreHistogram],
        grouped: Mapping[str, GroupedSums],
        bootstrap: ClusterBootstrap,
        errors: Mapping[tuple[ScoreKey, str, str], RegressionSums] | None = None,
    ) -> None:
        known = [metric for metric, field in _GROUPED.items() if field in grouped]
        super().__init__(models, tasks, ("auc", *known, "log_loss", "calibration", "ece"))
        self._histograms = histograms
        self._grouped = grouped
        self._bootstrap = bootstrap
        self._errors = dict(errors or {})
        self._regressions = {task for _, task, _ in self._errors}

    def metrics_of(self, task: str) -> tuple[str, ...]:
        return REGRESSION_METRICS if task in self._regressions else self.metrics

    def compared(self, task: str) -> tuple[str, ...]:
        return ERRORS if task in self._regressions else super().compared(task)

    def rows(self) -> list[MetricRow]:
        """Every metric; for regressions also mean prediction and label by tenths of all rows."""
        found = super().rows()
        for (key, task, topic), errors in self._errors.items():
            if topic != ALL:
                continue
            for number, tenth in enumerate(errors.tenths(), start=1):
                for kind, value in (("predicted", tenth.predicted), ("actual", tenth.actual)):
                    found.append(
                        MetricRow(
                            model=key.model,
                            task=task,
                            topic=ALL,
                            domain=ALL,
                            metric=f"decile_{number}_{kind}",
                            value=value,
                            n=tenth.rows,
                        )
                    )
        return found

    def calibrated(self, task: str) -> bool:
        return True

    def reliability(
        self, model: str, task: str, topic: str = ALL, bins: int = DEFAULT_BINS
    ) -> list[CalibrationBin]:
        if task in self._regressions:
            return self._errors[self._key(model, topic), task, topic].tenths()
        histogram = self._histogram(model, task, topic)
        rows = histogram.total()
        return calibration_bins(rows.sum(axis=0), rows[1], histogram.predicted.sum(axis=0), bins)

    def _compute(self, model: str, task: str, cell: Cell, metric: str) -> Estimate:
        domain = self._place(cell)
        known = self.metrics_of(task)
        if metric not in known:
            raise SchemaError(f"no metric {metric!r}; {nearest(metric, known)}")
        if task in self._regressions:
            return self._errors[self._key(model, cell.topic), task, cell.topic].estimate(
                metric, domain
            )
        histogram = self._histogram(model, task, cell.topic)
        if metric in _FROM_COUNTS:
            return _FROM_COUNTS[metric](ScoreMetrics(histogram, domain, self._bootstrap))
        key = self._key(model, cell.topic)
        return self._grouped[_GROUPED[metric]].estimate(key, task, cell.topic, domain)

    def _key(self, model: str, topic: str) -> ScoreKey:
        key = self._models.key(model, topic)
        if key is None:
            raise SchemaError(f"model {model!r} has no scores in topic {topic!r}")
        return key

    def _histogram(self, model: str, task: str, topic: str) -> ScoreHistogram:
        key = self._key(model, topic)
        if (key, task, topic) not in self._histograms:
            raise SchemaError(f"model {model!r} has no scores for task {task!r}, topic {topic!r}")
        return self._histograms[key, task, topic]

    def _place(self, cell: Cell) -> int:
        domains = self._models.topics.get(cell.topic, ())
        if cell.domain not in domains:
            raise SchemaError(f"{cell} is unknown; {nearest(cell.domain, domains)}")
        return domains.index(cell.domain)

    def _size(self, model: str, task: str, cell: Cell) -> int:
        if task in self._regressions:
            return self._errors[self._key(model, cell.topic), task, cell.topic].size(
                self._place(cell)
            )
        return int(self._histogram(model, task, cell.topic).counts[self._place(cell)].sum())

    def knows_truth(self, task: str) -> bool:
        return (ScoreKey(ORACLE), task, ALL) in self._histograms

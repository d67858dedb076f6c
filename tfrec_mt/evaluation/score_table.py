"""`ScoreTable`: the metrics of all models over rows."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tfrec_mt.errors import nearest
from tfrec_mt.evaluation.cells import ALL, ORACLE, Cell, ScoreKey
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.evaluation.grouped_sums import GroupedSums
from tfrec_mt.evaluation.metric_table import MetricTable
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


class ScoreTable(MetricTable):
    """What an `Evaluator` found.

    Args:
      models: What was scored.
      tasks: Task names.
      histograms: Counted scores per score key, task and topic.
      grouped: Grouped AUC by `user` and, where requests are known, by `request`.
      bootstrap: Resamples, the same for all.
    """

    def __init__(
        self,
        models: ScoredModels,
        tasks: Sequence[str],
        histograms: Mapping[tuple[ScoreKey, str, str], ScoreHistogram],
        grouped: Mapping[str, GroupedSums],
        bootstrap: ClusterBootstrap,
    ) -> None:
        known = [metric for metric, field in _GROUPED.items() if field in grouped]
        super().__init__(models, tasks, ("auc", *known, "log_loss", "calibration", "ece"))
        self._histograms = histograms
        self._grouped = grouped
        self._bootstrap = bootstrap

    def calibrated(self, task: str) -> bool:
        return True

    def reliability(
        self, model: str, task: str, topic: str = ALL, bins: int = DEFAULT_BINS
    ) -> list[CalibrationBin]:
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

    def knows_truth(self, task: str) -> bool:
        return (ScoreKey(ORACLE), task, ALL) in self._histograms

"""`ImpressionEvaluator`: AUC, MRR and nDCG per impression, with intervals, per domain."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfrec_mt.errors import nearest
from tfrec_mt.evaluation.cells import ALL, ORACLE, Cell, ScoreKey
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap, add_at
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.evaluation.metric_table import MetricTable
from tfrec_mt.evaluation.scored_models import ScoredModels
from tfrec_mt.metrics.impression_metrics import IMPRESSION_METRICS, impression_metrics
from tfrec_mt.metrics.inputs import as_codes, as_ids
from tfrec_mt.metrics.ranked_impressions import as_offsets
from tfrec_mt.schema import DataError, SchemaError

RANDOM = "random"
_TASK = "ctr"


class ImpressionEvaluator(MetricTable):
    """Means over impressions of every model's metrics, resampled by user.

    Memory grows with models, domains and groups of users only. Two models are added to the scored
    ones: `random` (equal scores, which with averaged ties is the mean of all orders) and, where
    the truth is known, `oracle` (the true probabilities).

    Args:
      keys: The sets of scores in every batch.
      topics: Domains of each topic, in code order.
      truth: Whether true click probabilities are known.
      bootstrap: Resamples, shared by all models and metrics.

    Raises:
      SchemaError: Names that are used twice or kept for this package's own use.

    Example:
      >>> evaluator = ImpressionEvaluator([ScoreKey("model")], {}, truth=False)
      >>> evaluator.add({ScoreKey("model"): [0.9, 0.1, 0.4]}, [1, 0, 0], [0, 3], [7], {})
      >>> evaluator.rows()[0].metric, evaluator.rows()[0].value
      ('auc', 1.0)
    """

    def __init__(
        self,
        keys: Sequence[ScoreKey],
        topics: Mapping[str, Sequence[str]],
        truth: bool,
        bootstrap: ClusterBootstrap | None = None,
    ) -> None:
        if RANDOM in [key.model for key in keys]:
            raise SchemaError(f"a model cannot be named {RANDOM!r}: that is the random order")
        super().__init__(
            ScoredModels([*keys, ScoreKey(RANDOM)], topics), (_TASK,), IMPRESSION_METRICS
        )
        self._keys = tuple(keys)
        self._truth = truth
        self._bootstrap = bootstrap or ClusterBootstrap()
        groups, domains = self._bootstrap.groups, self._models.topics
        # [N, G] sums of the metric over impressions where it is defined
        self._sums = {
            (key, topic, metric): np.zeros((len(domains[topic]), groups))
            for key in (*self._models.keys, *((ScoreKey(ORACLE),) if truth else ()))
            for topic in self._models.topics_of(key)
            for metric in self.metrics
        }
        # [N, G] impressions, and of these the ones where each metric is defined
        self._counts = {
            (topic, what): np.zeros((len(names), groups))
            for topic, names in domains.items()
            for what in (ALL, *self.metrics)
        }

    @property
    def models(self) -> tuple[str, ...]:
        return (*super().models, *((ORACLE,) if self._truth else ()))

    def compared(self, task: str) -> tuple[str, ...]:
        return self.metrics

    def knows_truth(self, task: str) -> bool:
        return self._truth

    def add(
        self,
        scores: Mapping[ScoreKey, ArrayLike],
        clicked: ArrayLike,
        offsets: ArrayLike,
        users: ArrayLike,
        domains: Mapping[str, ArrayLike],
        truth: ArrayLike | None = None,
    ) -> None:
        """Takes `n` impressions with `N` candidates.

        Args:
          scores: By key, `[N]`, higher is better.
          clicked: `[N]`, 0 or 1.
          offsets: `[n + 1]` where each impression begins, and N.
          users: `[n]` integer user ids.
          domains: By topic, `[n]` domain codes, 0 for none; such impressions count in `all` only.
          truth: `[N]` true probabilities, where the evaluator expects them.

        Raises:
          DataError: A model, topic or the truth is missing or unexpected, a shape does not fit, or
            a value is out of range.
        """
        if set(scores) != set(self._keys):
            raise DataError(f"scores: expected keys {[*self._keys]}, got {[*scores]}")
        if (truth is not None) != self._truth:
            raise DataError(
                f"truth: expected {'probabilities' if self._truth else 'none'}, "
                f"got {'none' if truth is None else 'some'}"
            )
        rows = np.asarray(clicked).size
        impressions = as_offsets(offsets, rows).size - 1
        group = self._bootstrap.group_of(as_ids(users, impressions, "users"))
        # flat places in [N, G], negative for no domain
        places = {ALL: group}
        for topic in list(self._models.topics)[1:]:
            if topic not in domains:
                raise DataError(f"domains: topic {topic!r} is missing; {nearest(topic, domains)}")
            size = len(self._models.topics[topic])
            codes = as_codes(domains[topic], impressions, topic, size)
            places[topic] = (codes - 1) * self._bootstrap.groups + group
        everything = {**scores, ScoreKey(RANDOM): np.zeros(rows)}
        if truth is not None:
            everything[ScoreKey(ORACLE)] = truth
        defined: dict[str, NDArray[np.bool_]] = {ALL: np.ones(impressions, bool)}
        for key, values in everything.items():
            found = impression_metrics(clicked, values, offsets)
            for metric, value in found.items():
                # Where it is defined depends on the clicks alone, so it is the same for all models.
                defined[metric] = np.isfinite(value)
                for topic in self._models.topics_of(key):
                    kept = defined[metric] & (places[topic] >= 0)
                    add_at(self._sums[key, topic, metric], places[topic][kept], value[kept])
        for what, kept in defined.items():
            for topic, place in places.items():
                inside = place[kept & (place >= 0)]
                add_at(self._counts[topic, what], inside, np.ones(inside.size))
        self._estimates.clear()

    def _compute(self, model: str, task: str, cell: Cell, metric: str) -> Estimate:
        if metric not in self.metrics:
            raise SchemaError(f"no metric {metric!r}; {nearest(metric, self.metrics)}")
        key = self._models.key(model, cell.topic)
        if key is None or cell not in self._models.cells(model):
            raise SchemaError(f"{cell} is unknown; known: {self._models.cells(model)}")
        place = self._models.topics[cell.topic].index(cell.domain)
        used = self._counts[cell.topic, metric][place]
        note = f"{int(used.sum())} of {self._size(model, task, cell)} impressions"
        if not used.any():
            return self._bootstrap.undefined(note)
        over = self._sums[key, cell.topic, metric][place]
        return self._bootstrap.ratio(over, used).noted(note)

    def _size(self, model: str, task: str, cell: Cell) -> int:
        place = self._models.topics[cell.topic].index(cell.domain)
        return int(self._counts[cell.topic, ALL][place].sum())

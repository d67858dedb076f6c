"""`ImpressionEvaluator`: AUC, MRR and nDCG per impression, with intervals, per domain."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfrec_mt.errors import nearest
from tfrec_mt.evaluation.cells import ALL, ORACLE, Cell, ScoreKey
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate, difference, share
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.scored_models import ScoredModels
from tfrec_mt.metrics.impression_metrics import IMPRESSION_METRICS, impression_metrics
from tfrec_mt.metrics.ranked_impressions import as_offsets
from tfrec_mt.schema import DataError, SchemaError

RANDOM = "random"
_TASK = "ctr"


class ImpressionEvaluator:
    """Means over impressions of every model's metrics, resampled by user.

    Batches are added and forgotten; what is kept grows with models, domains and groups of users
    only. Two models are always there besides those scored: `random` (all candidates alike, which
    with averaged ties is what a random order gets in the mean) and, where the truth is known,
    `oracle` (the true probabilities).

    Args:
      models: Names of the scored models.
      topics: Domains of each topic, in code order.
      truth: Whether true click probabilities are known.
      bootstrap: Resamples; all models and metrics share them, so differences are paired.

    Raises:
      SchemaError: Names that are used twice or kept for this package's own use.

    Example:
      >>> evaluator = ImpressionEvaluator(["model"], {}, truth=False)
      >>> evaluator.add({"model": [0.9, 0.1, 0.4]}, [1, 0, 0], [0, 3], [7], {})
      >>> evaluator.rows()[0].metric, evaluator.rows()[0].value
      ('auc', 1.0)
    """

    def __init__(
        self,
        models: Sequence[str],
        topics: Mapping[str, Sequence[str]],
        truth: bool,
        bootstrap: ClusterBootstrap | None = None,
    ) -> None:
        if RANDOM in models:
            raise SchemaError(f"a model cannot be named {RANDOM!r}: that is the random order")
        self._scored = ScoredModels([ScoreKey(model) for model in models], topics)
        self._truth = truth
        self._bootstrap = bootstrap or ClusterBootstrap()
        groups = self._bootstrap.groups
        sums: dict[tuple[str, str, str], NDArray[np.float64]] = {}
        for model in self.models:
            for topic, domains in self._scored.topics.items():
                for metric in IMPRESSION_METRICS:
                    sums[model, topic, metric] = np.zeros((len(domains), groups))
        # [N, G] sums of the metric over impressions where it is defined
        self._sums = sums
        # [N, G] impressions, and of these the ones where each metric is defined
        self._counts = {
            (topic, what): np.zeros((len(domains), groups))
            for topic, domains in self._scored.topics.items()
            for what in (ALL, *IMPRESSION_METRICS)
        }

    @property
    def models(self) -> tuple[str, ...]:
        """The scored models, `random`, and `oracle` where the truth is known."""
        return (*self._scored.models, RANDOM, *((ORACLE,) if self._truth else ()))

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every impression, then each domain of each topic."""
        return tuple(
            Cell(topic, domain)
            for topic, domains in self._scored.topics.items()
            for domain in domains
        )

    def add(
        self,
        scores: Mapping[str, ArrayLike],
        clicked: ArrayLike,
        offsets: ArrayLike,
        users: ArrayLike,
        domains: Mapping[str, ArrayLike],
        truth: ArrayLike | None = None,
    ) -> None:
        """Takes `n` impressions with `N` candidates.

        Args:
          scores: By model, `[N]`, higher is better.
          clicked: `[N]`, 0 or 1.
          offsets: `[n + 1]` where each impression begins, and N.
          users: `[n]` whole-number key of the user.
          domains: By topic, `[n]` domain code, 0 for none; such impressions count in `all` only.
          truth: `[N]` true probabilities; given exactly if the evaluator expects them.

        Raises:
          DataError: A model, topic or the truth is missing or unexpected, a shape does not fit, or
            a value is out of range.
        """
        expected = set(self._scored.models)
        if set(scores) != expected:
            raise DataError(f"scores: expected models {sorted(expected)}, got {sorted(scores)}")
        if (truth is not None) != self._truth:
            raise DataError(
                f"truth: expected {'probabilities' if self._truth else 'none'}, "
                f"got {'none' if truth is None else 'some'}"
            )
        rows = np.asarray(clicked).size
        impressions = as_offsets(offsets, rows).size - 1
        group = self._bootstrap.group_of(_whole(users, impressions, "users"))
        places = {ALL: np.zeros(impressions, np.int64)}
        for topic in list(self._scored.topics)[1:]:
            if topic not in domains:
                raise DataError(f"domains: topic {topic!r} is missing; {nearest(topic, domains)}")
            codes = _whole(domains[topic], impressions, f"domains of {topic!r}")
            limit = len(self._scored.topics[topic])
            if codes.size and not 0 <= codes.min() <= codes.max() <= limit:
                raise DataError(
                    f"domains of {topic!r}: expected codes from 0 to {limit}, "
                    f"got {codes.min()} to {codes.max()}"
                )
            places[topic] = codes - 1
        everything = dict(scores) | {RANDOM: np.zeros(rows)}
        if truth is not None:
            everything[ORACLE] = truth
        defined: dict[str, NDArray[np.bool_]] = {ALL: np.ones(impressions, bool)}
        for model, values in everything.items():
            found = impression_metrics(clicked, values, offsets)
            for metric, value in found.items():
                # What is defined depends on the clicks alone, so it is the same for all models.
                defined[metric] = np.isfinite(value)
                for topic, place in places.items():
                    kept = defined[metric] & (place >= 0)
                    self._add_at(self._sums[model, topic, metric], place, group, kept, value)
        for what, kept in defined.items():
            for topic, place in places.items():
                ones = np.ones(impressions)
                self._add_at(self._counts[topic, what], place, group, kept & (place >= 0), ones)

    def estimate(self, model: str, cell: Cell, metric: str) -> Estimate:
        """Mean of a metric over the impressions of a cell where it is defined.

        Raises:
          SchemaError: A name is unknown.
        """
        if model not in self.models:
            raise SchemaError(f"no scores of model {model!r}; {nearest(model, self.models)}")
        if metric not in IMPRESSION_METRICS:
            raise SchemaError(f"no metric {metric!r}; {nearest(metric, IMPRESSION_METRICS)}")
        if cell not in self.cells:
            raise SchemaError(f"{cell} is unknown; known: {self.cells}")
        place = self._scored.topics[cell.topic].index(cell.domain)
        used = self._counts[cell.topic, metric][place]
        note = f"{int(used.sum())} of {self._size(cell)} impressions"
        if not used.any():
            return self._bootstrap.undefined(note)
        over = self._sums[model, cell.topic, metric][place]
        return self._bootstrap.ratio(over, used).noted(note)

    def rows(self) -> list[MetricRow]:
        """Every metric of every model on every cell, also where it is not defined."""
        return [
            self._row(model, cell, metric, self.estimate(model, cell, metric))
            for model in self.models
            for cell in self.cells
            for metric in IMPRESSION_METRICS
        ]

    def lift(self, model: str, reference: str) -> list[MetricRow]:
        """Metrics of `model` less those of `reference`, paired: `auc_lift`, `mrr_lift`, ..."""
        return [
            self._row(
                model,
                cell,
                f"{metric}_lift",
                difference(
                    self.estimate(model, cell, metric), self.estimate(reference, cell, metric)
                ),
                reference,
            )
            for cell in self.cells
            for metric in IMPRESSION_METRICS
        ]

    def oracle_share(self, model: str, baseline: str = RANDOM) -> list[MetricRow]:
        """Share of the oracle's lead over `baseline` that `model` reaches: `auc_oracle_share`, ...

        Raises:
          SchemaError: The truth is not known.
        """
        return [
            self._row(
                model,
                cell,
                f"{metric}_oracle_share",
                share(*(self.estimate(m, cell, metric) for m in (model, baseline, ORACLE))),
                baseline,
            )
            for cell in self.cells
            for metric in IMPRESSION_METRICS
        ]

    def _size(self, cell: Cell) -> int:
        place = self._scored.topics[cell.topic].index(cell.domain)
        return int(self._counts[cell.topic, ALL][place].sum())

    def _row(
        self,
        model: str,
        cell: Cell,
        metric: str,
        estimate: Estimate,
        reference: str | None = None,
    ) -> MetricRow:
        low, high = estimate.interval()
        oracle = None
        if self._truth and metric in IMPRESSION_METRICS:
            oracle = self.estimate(ORACLE, cell, metric).value
        return MetricRow(
            model=model,
            task=_TASK,
            topic=cell.topic,
            domain=cell.domain,
            metric=metric,
            value=estimate.value,
            n=self._size(cell),
            ci_low=low,
            ci_high=high,
            oracle=oracle,
            reference=reference,
            note=estimate.note,
        )

    @staticmethod
    def _add_at(
        sums: NDArray[np.float64],
        place: NDArray[np.int64],
        group: NDArray[np.int64],
        kept: NDArray[np.bool_],
        values: NDArray[np.float64],
    ) -> None:
        where = place[kept] * sums.shape[1] + group[kept]
        sums += np.bincount(where, values[kept], minlength=sums.size).reshape(sums.shape)


def _whole(values: ArrayLike, rows: int, where: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.shape != (rows,) or (rows and not np.issubdtype(array.dtype, np.integer)):
        raise DataError(
            f"{where}: expected {rows} whole numbers, one per impression, "
            f"got {array.dtype} {list(array.shape)}"
        )
    return array.astype(np.int64)

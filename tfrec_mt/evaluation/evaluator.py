"""`Evaluator`: scores and labels in, batch by batch; metrics out."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfrec_mt.evaluation.cells import ALL, ScoreKey
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.group_spill import GroupSpill
from tfrec_mt.evaluation.grouped_sums import GroupedSums
from tfrec_mt.evaluation.regression_sums import RegressionSums
from tfrec_mt.evaluation.score_histogram import ScoredRows, ScoreHistogram
from tfrec_mt.evaluation.score_records import ScoreRecords
from tfrec_mt.evaluation.score_table import ScoreTable
from tfrec_mt.evaluation.scored_models import ScoredModels
from tfrec_mt.schema import DataError

# Batches are joined into blocks of this many rows, where NumPy's overhead is small.
_BLOCK_ROWS = 65_536


class Evaluator:
    """Accumulates the scores of several models on the same rows, in bounded memory.

    Grouped AUC needs all rows of a user or request together, so its rows wait for `result`, on
    disk once there are many. Everything else is counted immediately.

    Args:
      keys: The sets of scores in every batch.
      tasks: Task names.
      topics: Domains of each topic, in the order of their codes.
      apart: Further topics, in which models are measured and not compared.
      truth: Tasks whose true probabilities are in every batch.
      requests: Whether request ids are in every batch.
      regressions: Tasks whose labels are numbers.
      weighted: Whether the weight of each row is in every batch; rows of weight 0 do not count.
      bootstrap: Resamples for the intervals.
      rows_in_memory: Rows above which those that wait for grouped AUC go to disk.
      spill_folder: Where they go; None for the system's temporary folder.

    Raises:
      SchemaError: Names that are repeated, unknown or reserved.

    Example:
      >>> evaluator = Evaluator([ScoreKey("zero_shot")], ["ctr"], {"scene": ("home", "work")})
      >>> evaluator.update(
      ...     {ScoreKey("zero_shot"): {"ctr": [0.1, 0.3, 0.2]}},
      ...     labels={"ctr": [0, 1, 0]},
      ...     domains={"scene": [1, 1, 2]},
      ...     users=[7, 7, 8],
      ... )
      >>> evaluator.result().estimate("zero_shot", "ctr", Cell("scene", "home"), "auc").value
      1.0
    """

    def __init__(
        self,
        keys: Sequence[ScoreKey],
        tasks: Sequence[str],
        topics: Mapping[str, Sequence[str]],
        *,
        apart: Mapping[str, Sequence[str]] | None = None,
        truth: Sequence[str] = (),
        requests: bool = False,
        regressions: Collection[str] = (),
        weighted: bool = False,
        bootstrap: ClusterBootstrap | None = None,
        rows_in_memory: int = 2_000_000,
        spill_folder: str | Path | None = None,
    ) -> None:
        self._models = ScoredModels(keys, topics, apart)
        self._records = ScoreRecords(self._models, tasks, truth, requests, regressions, weighted)
        self._bootstrap = bootstrap or ClusterBootstrap()
        self._histograms: dict[tuple[ScoreKey, str, str], ScoreHistogram] = {}
        self._errors: dict[tuple[ScoreKey, str, str], RegressionSums] = {}
        for key, task in self._records.slots:
            for topic in self._models.topics_of(key):
                domains, place = len(self._models.topics[topic]), (key, task, topic)
                if task in self._records.regressions:
                    self._errors[place] = RegressionSums(domains, self._bootstrap)
                else:
                    self._histograms[place] = ScoreHistogram(
                        domains, self._bootstrap.groups, weighted
                    )
        fields = ("user", "request") if requests else ("user",)
        self._spills = {name: GroupSpill(name, rows_in_memory, spill_folder) for name in fields}
        self._pending: list[NDArray[np.void]] = []
        self._finished = False

    def update(
        self,
        scores: Mapping[ScoreKey, Mapping[str, ArrayLike]],
        *,
        labels: Mapping[str, ArrayLike],
        domains: Mapping[str, ArrayLike],
        users: ArrayLike,
        requests: ArrayLike | None = None,
        truth: Mapping[str, ArrayLike] | None = None,
        weights: ArrayLike | None = None,
    ) -> None:
        """Takes a batch of B rows.

        Args:
          scores: `[B]` predictions per score key and task.
          labels: `[B]` 0 or 1 per task, or a number; NaN for none.
          domains: `[B]` domain codes per topic: place in the topic plus one, 0 for none.
          users: `[B]` integer user ids.
          requests: `[B]` integer request ids.
          truth: `[B]` true probabilities per task.
          weights: `[B]` how much each row counts, at least 0.

        Raises:
          DataError: An entry is missing, unexpected, of the wrong length or out of range; or
            `result` has been called.
        """
        if self._finished:
            raise DataError("no rows can be added after result() has been called")
        self._pending.append(
            self._records.pack(scores, labels, domains, users, requests, truth, weights)
        )
        if sum(records.size for records in self._pending) >= _BLOCK_ROWS:
            self._count_pending()

    def result(self) -> ScoreTable:
        """The metrics of all rows so far; no more can be added afterwards.

        Raises:
          DataError: Called for a second time.
        """
        if self._finished:
            raise DataError("result() can be called once: the rows are gone")
        self._count_pending()
        self._finished = True
        grouped = {}
        for name, spill in self._spills.items():
            grouped[name] = GroupedSums(name, self._models, self._records, self._bootstrap)
            for part in spill.parts():
                grouped[name].add(part)
            spill.close()
        return ScoreTable(
            self._models,
            self._records.tasks,
            self._histograms,
            grouped,
            self._bootstrap,
            self._errors,
        )

    def _count_pending(self) -> None:
        if not self._pending:
            return
        block = np.concatenate(self._pending)
        self._pending = []
        for spill in self._spills.values():
            spill.append(block)
        codes = {ALL: np.ones(block.size, np.int32)}
        codes.update((name, block["codes"][:, i]) for i, name in enumerate(self._records.topics))
        group = self._bootstrap.group_of(block["user"])
        for column, (key, task) in enumerate(self._records.slots):
            labels = block["labels"][:, self._records.tasks.index(task)]
            kept = np.flatnonzero(~np.isnan(labels))
            labels, predicted, own = labels[kept], block["scores"][kept, column], group[kept]
            weights = self._records.weights(block[kept])
            if task in self._records.regressions:
                for topic in self._models.topics_of(key):
                    errors = self._errors[key, task, topic]
                    errors.add(labels, predicted, own, codes[topic][kept], weights)
                continue
            scored = ScoredRows.create(labels == 1, predicted, own, weights)
            for topic in self._models.topics_of(key):
                self._histograms[key, task, topic].add(scored, codes[topic][kept])

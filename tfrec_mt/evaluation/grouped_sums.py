"""AUC inside every user or request, summed per cell and user group."""

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.evaluation.cells import ALL, ScoreKey
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap, add_at
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.evaluation.score_records import ScoreRecords
from tfrec_mt.evaluation.scored_models import ScoredModels
from tfrec_mt.metrics.grouped_auc import group_aucs, mixed_groups


class GroupedSums:
    """Grouped AUC of every model, task and cell, from parts that hold whole groups.

    A group is weighted by its rows in the cell, or by their weights. Groups with one class there
    are left out and counted. Intervals resample users for requests too, because the requests of a
    user are alike.

    Args:
      field: Field of the group id, `user` or `request`.
      models: The scored models.
      records: Type of the records.
      bootstrap: Resamples, shared by all models that are compared.
    """

    def __init__(
        self,
        field: str,
        models: ScoredModels,
        records: ScoreRecords,
        bootstrap: ClusterBootstrap,
    ) -> None:
        self._field = field
        self._models = models
        self._records = records
        self._bootstrap = bootstrap
        topics, groups = models.topics, bootstrap.groups
        # [N, G] sums over groups with both classes: of rows x AUC per model, and of rows
        self._won = {
            (key, task, topic): np.zeros((len(topics[topic]), groups))
            for key, task in records.slots
            for topic in models.topics_of(key)
        }
        self._rows = {
            (task, topic): np.zeros((len(topics[topic]), groups))
            for task in records.tasks
            for topic in topics
        }
        # [N, 2] groups with both classes, and all groups
        self._counts = {key: np.zeros((rows.shape[0], 2), int) for key, rows in self._rows.items()}

    def add(self, part: NDArray[np.void]) -> None:
        """Takes records `[B]`; all rows of a group must come in one call."""
        ids = np.unique(part[self._field], return_inverse=True)[1]
        for topic in self._models.topics:
            self._add_topic(part, ids, topic)

    def _add_topic(self, part: NDArray[np.void], ids: NDArray[np.intp], topic: str) -> None:
        domains = len(self._models.topics[topic])
        if topic == ALL:
            codes = np.ones(part.size, np.int64)
        else:
            codes = part["codes"][:, self._records.topics.index(topic)].astype(np.int64)
        inside = np.flatnonzero(codes)
        for number, task in enumerate(self._records.tasks):
            if task in self._records.regressions:
                continue
            labels = part["labels"][inside, number]
            kept = inside[~np.isnan(labels)]
            if not kept.size:
                continue
            # A group of the grouped AUC is a user or request within one domain.
            pairs, first, group = np.unique(
                ids[kept] * domains + codes[kept] - 1, return_index=True, return_inverse=True
            )
            domain = pairs % domains
            place = domain * self._bootstrap.groups + self._bootstrap.group_of(
                part["user"][kept][first]
            )
            weights = self._records.weights(part[kept])
            rows = np.bincount(group, weights)
            positive = part["labels"][kept, number] == 1
            used = mixed_groups(positive, group, pairs.size)
            counts = self._counts[task, topic]
            counts[:, 0] += np.bincount(domain[used], minlength=domains)
            counts[:, 1] += np.bincount(domain, minlength=domains)
            add_at(self._rows[task, topic], place[used], rows[used])
            chosen = np.flatnonzero(used[group])
            dense = (np.cumsum(used) - 1)[group[chosen]]
            for column, (key, scored_task) in enumerate(self._records.slots):
                if scored_task == task and (key, task, topic) in self._won:
                    # Probabilities are not negative, so their bits sort in the same order.
                    scores = part["scores"][kept[chosen], column] + np.float32(0)
                    of_chosen = None if weights is None else weights[chosen]
                    aucs = group_aucs(positive[chosen], scores.view(np.uint32), dense, of_chosen)
                    add_at(self._won[key, task, topic], place[used], rows[used] * aucs)

    def estimate(self, key: ScoreKey, task: str, topic: str, domain: int) -> Estimate:
        """Grouped AUC on the domain at a position in the topic."""
        used, total = self._counts[task, topic][domain]
        if not used:
            return self._bootstrap.undefined(f"none of {total} {self._field}s has both classes")
        found = self._bootstrap.ratio(
            self._won[key, task, topic][domain], self._rows[task, topic][domain]
        )
        return found.noted(f"{used} of {total} {self._field}s have both classes")

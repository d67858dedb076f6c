"""Packing a batch of scores, labels and keys into records, after checking them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfrec_mt.evaluation.cells import ALL, ORACLE, ScoreKey
from tfrec_mt.evaluation.scored_models import ScoredModels
from tfrec_mt.metrics.inputs import (
    as_codes,
    as_groups,
    as_ids,
    as_partial_labels,
    as_probabilities,
    as_scores,
)
from tfrec_mt.schema import DataError, SchemaError


class ScoreRecords:
    """The record type of scored rows: `user`, `request`, `codes`, `labels`, `scores`, and `weight`.

    Args:
      models: The scored models.
      tasks, truth, requests, regressions, weighted: As of `Evaluator`; the truth is stored as
        scores of the oracle.

    Attributes:
      slots: Score key and task of each of the K columns of `scores`.
      topics: Topic of each column of `codes`.

    Raises:
      SchemaError: No or repeated tasks, or a true probability of an unknown task.
    """

    def __init__(
        self,
        models: ScoredModels,
        tasks: Sequence[str],
        truth: Sequence[str],
        requests: bool,
        regressions: Collection[str] = (),
        weighted: bool = False,
    ) -> None:
        if not tasks or len(set(tasks)) != len(tasks):
            raise SchemaError(f"expected distinct tasks, at least one, got {list(tasks)}")
        if set(truth) - set(tasks):
            raise SchemaError(f"truth of {sorted(truth)} given; the tasks are {list(tasks)}")
        self.tasks = tuple(tasks)
        self.truth = tuple(truth)
        self.requests = requests
        self.weighted = weighted
        self.regressions = frozenset(regressions)
        self.topics = tuple(topic for topic in models.topics if topic != ALL)
        self.slots = (
            *((key, task) for key in models.keys for task in tasks),
            *((ScoreKey(ORACLE), task) for task in truth),
        )
        self._models = models
        self._dtype = np.dtype(
            [
                ("user", np.int64),
                ("request", np.int64),
                ("codes", np.int32, (len(self.topics),)),
                ("labels", np.float32, (len(tasks),)),  # NaN for none
                ("scores", np.float32, (len(self.slots),)),
                *([("weight", np.float32)] if weighted else []),
            ]
        )

    def pack(
        self,
        scores: Mapping[ScoreKey, Mapping[str, ArrayLike]],
        labels: Mapping[str, ArrayLike],
        domains: Mapping[str, ArrayLike],
        users: ArrayLike,
        requests: ArrayLike | None,
        truth: Mapping[str, ArrayLike] | None,
        weights: ArrayLike | None = None,
    ) -> NDArray[np.void]:
        """Records `[B]` of a batch; arguments and errors as of `Evaluator.update`."""
        _same_names("scores", scores, self._models.keys)
        _same_names("labels", labels, self.tasks)
        _same_names("domains", domains, self.topics)
        _same_names("truth", truth or {}, self.truth)
        if (requests is not None) != self.requests:
            expected = "request ids" if self.requests else "no request ids"
            raise DataError(f"requests: expected {expected}, as in the evaluator's arguments")
        if (weights is not None) != self.weighted:
            expected = "weights" if self.weighted else "no weights"
            raise DataError(f"weights: expected {expected}, as in the evaluator's arguments")
        rows = np.shape(users)[0] if np.ndim(users) == 1 else 0
        records: NDArray[Any] = np.zeros(rows, self._dtype)
        records["user"] = as_ids(users, rows, "users")
        if requests is not None:
            records["request"] = as_ids(requests, rows, "requests")
        for place, topic in enumerate(self.topics):
            size = len(self._models.topics[topic])
            records["codes"][:, place] = as_codes(domains[topic], rows, topic, size)
        for place, task in enumerate(self.tasks):
            where = f"labels of {task!r}"
            values = as_partial_labels(labels[task], task not in self.regressions, where)
            records["labels"][:, place] = as_groups(values, rows, where)
        for place, (key, task) in enumerate(self.slots):
            given = (truth or {}) if key.model == ORACLE else scores[key]
            if task not in given:
                raise DataError(f"scores of {key}: no scores for task {task!r}")
            where = f"scores of {key} for task {task!r}"
            checked = as_scores if task in self.regressions else as_probabilities
            records["scores"][:, place] = checked(given[task], rows, where)
        if weights is not None:
            records["weight"] = as_scores(weights, rows, "weights")
            if (records["weight"] < 0).any():
                raise DataError(f"weights: expected none negative, got {records['weight'].min()}")
            records = records[records["weight"] > 0]
        return records

    def weights(self, records: NDArray[np.void]) -> NDArray[np.float64] | None:
        """Weight of each record `[B]`; None if all count once."""
        return records["weight"].astype(np.float64) if self.weighted else None


def _same_names(what: str, given: Mapping[Any, object], expected: Sequence[object]) -> None:
    if set(given) != set(expected):
        raise DataError(f"{what}: expected those of {list(expected)}, got {list(given)}")

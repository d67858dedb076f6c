"""`RankedRequests`: a few requests of a part, ranked with and without kernels in any domain."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.evaluation.cells import ScoreKey
from tfrec_mt.evaluation.remembered_ids import LogIdNames
from tfrec_mt.evaluation.scoring import ADAPTED, ZERO_SHOT
from tfrec_mt.schema import CategoricalFeature

# Most requests on a page, spread over domains.
_REQUESTS = 24
_ITEMS = range(3, 21)
_DOMAINS = 60

Ranking = dict[str, Any]
Score = Callable[[Mapping[str, Any]], Mapping[ScoreKey, Mapping[str, NDArray[Any]]]]


class RankedRequests:
    """Keeps a few requests of the batches that are added.

    Requests are identified by their key or, if the log has none, by user; one that spans two
    batches counts as two. Only requests of 3 to 20 rows with both labels of the first binary task
    are kept.

    Args:
      dataset: The data.
      kernels: Kernels of some topics, in whose domains the requests will be ranked.
    """

    def __init__(self, dataset: PreparedDataset, kernels: Sequence[DomainKernels]) -> None:
        schema = dataset.schema
        self._dataset, self._kernels = dataset, kernels
        self._tasks = [task.name for task in schema.tasks if task.binary]
        self._key = "request" if schema.keys.request is not None else "user"
        named = {topic.name: topic.domains for topic in schema.topics}
        self._codes = {
            layer.topic: {
                domain: 1 + named[layer.topic].index(domain) for domain in layer.domains[:_DOMAINS]
            }
            for layer in kernels
        }
        domains = max((len(codes) for codes in self._codes.values()), default=1)
        self._most_of_domain = max(1, _REQUESTS // domains)
        self._kept: list[tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]] = []
        self._by_domain: dict[tuple[int, ...], int] = {}

    def add(self, batch: Batch) -> None:
        """Keeps requests of a batch while there is room."""
        if not self._kernels or not self._tasks or len(self._kept) >= _REQUESTS:
            return
        labels = batch.labels[self._tasks[0]]
        _, first, place, sizes = np.unique(
            batch.keys[self._key], return_index=True, return_inverse=True, return_counts=True
        )
        clicked = np.bincount(place, labels == 1, len(sizes))
        missed = np.bincount(place, labels == 0, len(sizes))
        fits = (sizes >= _ITEMS.start) & (sizes < _ITEMS.stop) & (clicked > 0) & (missed > 0)
        for group in np.flatnonzero(fits)[np.argsort(first[fits], kind="stable")]:
            domain = tuple(
                int(batch.features[layer.topic][first[group]]) for layer in self._kernels
            )
            known = self._by_domain.get(domain, 0)
            if not any(domain) or known >= self._most_of_domain:
                continue
            self._by_domain[domain] = known + 1
            rows = np.flatnonzero(place == group)
            self._kept.append(
                (
                    {name: values[rows] for name, values in batch.features.items()},
                    {task: batch.labels[task][rows] for task in self._tasks},
                )
            )
            if len(self._kept) >= _REQUESTS:
                return

    def ranked(self, score: Score) -> list[Ranking]:
        """The requests that were kept, scored as if they came from each domain.

        Args:
          score: Probabilities of the base and of base and all kernels.

        Returns:
          For a page, as JSON values: by request `title`, `own` (its domain by topic), `items` (text
          of each), `labels` (names of the tasks with a label of 1, by item), `task` (the first
          binary one) and `scores`, by topic and domain that task's probabilities, `base` and
          `kernels`.
        """
        return [self._ranking(number, *of, score) for number, of in enumerate(self._kept, start=1)]

    def _ranking(
        self,
        number: int,
        features: dict[str, NDArray[Any]],
        labels: dict[str, NDArray[Any]],
        score: Score,
    ) -> Ranking:
        rows = len(next(iter(labels.values())))
        names = {
            topic: {code: domain for domain, code in codes.items()}
            for topic, codes in self._codes.items()
        }
        own = {topic: of.get(int(features[topic][0])) for topic, of in names.items()}
        where = ", ".join(f"{topic} {domain}" for topic, domain in own.items() if domain)
        counts = ", ".join(
            f"{int((of == 1).sum())} {task}" for task, of in labels.items() if (of == 1).any()
        )
        return {
            "task": self._tasks[0],
            "title": f"{number}: {where}, {rows} items, {counts}",
            "own": own,
            "items": self._items(features, rows),
            "labels": [
                [task for task, of in labels.items() if of[row] == 1] for row in range(rows)
            ],
            "scores": {
                topic: self._scores(topic, codes, features, rows, score)
                for topic, codes in self._codes.items()
            },
        }

    def _scores(
        self,
        topic: str,
        codes: Mapping[str, int],
        features: Mapping[str, NDArray[Any]],
        rows: int,
        score: Score,
    ) -> dict[str, dict[str, list[float]]]:
        """Scores of a request by domain, as if it came from there."""
        every = {name: np.concatenate([of] * len(codes)) for name, of in features.items()}
        every[topic] = np.repeat(np.fromiter(codes.values(), np.int32), rows)
        found = score(every)
        base, kernels = (
            found[ScoreKey(model)][self._tasks[0]].reshape(-1, rows)
            for model in (ZERO_SHOT, ADAPTED)
        )
        return {
            domain: {"base": _rounded(base[place]), "kernels": _rounded(kernels[place])}
            for place, domain in enumerate(codes)
        }

    def _items(self, features: Mapping[str, NDArray[Any]], rows: int) -> list[str]:
        item = self._dataset.schema.keys.item
        of = {feature.name: feature for feature in self._dataset.schema.features}.get(item or "")
        if not isinstance(of, CategoricalFeature):
            return [f"row {number}" for number in range(1, rows + 1)]
        return [str(text) for text in self._names.ids([of.name] * rows, features[of.name])]

    @functools.cached_property
    def _names(self) -> LogIdNames:
        return LogIdNames(self._dataset)


def _rounded(values: NDArray[Any]) -> list[float]:
    return [round(float(value), 5) for value in values]

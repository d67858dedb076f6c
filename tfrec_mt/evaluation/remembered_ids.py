"""`remembered_ids`: ids that a domain likes more or less than base and kernels predict."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.memory import Memory, feature_and_code
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.schema import CategoricalFeature, NumericFeature, Schema

# Ids of each sign in the frame of an evaluation.
FEW = 5
_TYPES = dict.fromkeys(("topic", "domain", "task", "feature", "id"), pl.String) | dict.fromkeys(
    ("offset", "odds"), pl.Float64
)


class IdNames(Protocol):
    """Texts behind the codes of features."""

    @property
    def binary(self) -> Mapping[str, bool]:
        """Whether each task is binary."""

    def shown(self, name: str) -> bool:
        """Whether a feature's ids may be shown: they are known and are not user ids."""

    def ids(self, features: Sequence[str | None], codes: NDArray[np.int64]) -> list[str | None]:
        """Text of each feature's code; None for the domain itself."""


def remembered_ids(
    kernels: Sequence[DomainKernels], known: IdNames | None, most: int | None = None
) -> pl.DataFrame:
    """Lists what domains remember of ids, which are spelled as in the log; see `Memory`.

    User ids are left out, whichever feature they are in, even if they are remembered. Other ids are
    shown, so keep no memory of a feature that identifies people.

    Args:
      kernels: Kernels of some topics; those without a memory have no rows.
      known: What the ids of the rows are that they were trained on; None: nobody knows.
      most: Ids of each sign, by domain and task; None: all.

    Returns:
      By topic, domain and task, the largest `offset` of the task's logit first: `feature` and `id`,
      both null for the domain itself, and `odds`, by which the odds of a binary task are
      multiplied. (Of a regression, offsets count in deviations of its label. A base that chains
      tasks has a logit for a task within its outer one.) An `id` is `(none)` for a missing one,
      `(unknown)` for those that the base does not know, and a range for a bucket of numbers.
    """
    frames = [no_remembered_ids()]
    for layer in kernels:
        if layer.memory is not None and known is not None:
            frames += _of_topic(layer, layer.memory, known, most)
    return pl.concat(frames)


def no_remembered_ids() -> pl.DataFrame:
    """The empty frame of `remembered_ids`, as for kernels without a memory."""
    return pl.DataFrame(schema=_TYPES)


def _of_topic(
    layer: DomainKernels, memory: Memory, names: IdNames, most: int | None
) -> Iterator[pl.DataFrame]:
    shown = np.array([True, *(names.shown(feature) for feature in memory.features)])
    for domain, (keys, offsets) in zip(layer.domains, memory.domains, strict=True):
        places, codes = feature_and_code(keys)
        of_task = memory.width // len(memory.tasks)  # the offset, then slopes
        for number, task in enumerate(memory.tasks):
            values = offsets[:, number * of_task].astype(np.float64)
            order = _largest(np.where(shown[places], values, 0.0), most)
            odds = np.exp(values[order]) if names.binary[task] else [None] * len(order)
            features = [(None, *memory.features)[place] for place in places[order]]
            yield pl.DataFrame(
                {
                    "topic": [layer.topic] * len(order),
                    "domain": [domain] * len(order),
                    "task": [task] * len(order),
                    "feature": features,
                    "id": names.ids(features, codes[order]),
                    "offset": values[order],
                    "odds": odds,
                },
                _TYPES,
            )


def _largest(values: NDArray[np.float64], most: int | None) -> NDArray[np.int64]:
    """Places of the values furthest from 0, `most` of each sign, the largest first."""
    order = np.argsort(-values, kind="stable")
    above, below = order[values[order] > 0], order[values[order] < 0]
    if most is not None:
        above, below = above[:most], below[max(len(below) - most, 0) :]
    return np.concatenate([above, below])


class LogIdNames:
    """Texts behind the codes of a click log's features; see `IdNames`."""

    def __init__(self, dataset: PreparedDataset) -> None:
        self._dataset = dataset
        schema: Schema = dataset.schema
        self.binary = {task.name: task.binary for task in schema.tasks}
        self._features = {feature.name: feature for feature in schema.features}
        user = self._features.get(schema.keys.user)
        self._users = user.vocabulary if isinstance(user, CategoricalFeature) else None
        self._texts: dict[str, NDArray[Any]] = {}

    def shown(self, name: str) -> bool:
        feature = self._features[name]
        return not isinstance(feature, CategoricalFeature) or feature.vocabulary != self._users

    def ids(self, features: Sequence[str | None], codes: NDArray[np.int64]) -> list[str | None]:
        return [
            None if name is None else self._text(name, int(code))
            for name, code in zip(features, codes, strict=True)
        ]

    def _text(self, name: str, code: int) -> str:
        texts = self._of(name)
        # a file may hold codes that no row can have
        return str(texts[code]) if code < len(texts) else "(unknown)"

    def _of(self, name: str) -> NDArray[Any]:
        """Text of every code of a feature."""
        if name not in self._texts:
            feature = self._features[name]
            texts = (
                self._of_ids(feature)
                if isinstance(feature, CategoricalFeature)
                else _of_buckets(feature)
            )
            self._texts[name] = np.array(["(none)", *texts], object)
        return self._texts[name]

    def _of_ids(self, feature: CategoricalFeature) -> list[str]:
        vocabulary = self._dataset.schema.vocabulary(feature.vocabulary)
        buckets = range(1, vocabulary.hash_buckets + 1)
        unknown = [f"(unknown {n})" for n in buckets] if len(buckets) > 1 else ["(unknown)"]
        return [*unknown, *self._dataset.ids(feature.vocabulary).cast(pl.String).to_list()]


def _of_buckets(feature: NumericFeature) -> list[str]:
    edges = [f"{edge:g}" for edge in feature.boundaries]
    if not edges:
        return ["any"]
    inner = [f"{low} to {high}" for low, high in pairwise(edges)]
    return [f"below {edges[0]}", *inner, f"{edges[-1]} or more"]

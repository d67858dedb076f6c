"""`RowsAsUnknown`: batches in which ids of few rows are sometimes read as unknown."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.hashing import derived_seed, uniform
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.schema import CategoricalFeature
from tfrec_mt.training.train_loop import Reader
from tfrec_mt.training.worker import Worker


class RowsAsUnknown:
    """A reader's batches; an id or domain of n rows is read as unknown with chance `k / (k + n)`.

    Every id in a base's rows is known, so no row would train the embeddings that unknown ids are
    served with. They learn this way what ids of few rows have in common, which new ids resemble. If
    a larger share of the rows to come has an unknown id of a feature, the chance is that share.

    Args:
      reader: A reader of click logs.
      dataset: What it reads.
      parts: Parts whose rows are counted.
      k: See above, above 0.
      to_come: A part that the rows to come are like; None if that is not known.
      seed: Seed of the draws, which depend on it and on the step alone.
      worker: Whose slice of each batch the reader gives.
    """

    def __init__(
        self,
        reader: Reader,
        dataset: PreparedDataset,
        parts: Sequence[str],
        k: float,
        to_come: str | None,
        seed: int,
        worker: Worker,
    ) -> None:
        self._reader, self._seed, self._worker = reader, seed, worker
        self.steps_per_epoch = reader.steps_per_epoch
        schema = dataset.schema
        features = [f for f in schema.features if isinstance(f, CategoricalFeature)]
        tables = {f.name: schema.vocabulary(f.vocabulary) for f in features}
        self._first = {name: table.first_known for name, table in tables.items()}
        self._first |= {topic.name: 1 for topic in schema.topics}
        sizes = {name: table.rows for name, table in tables.items()}
        sizes |= {topic.name: 1 + len(topic.domains) for topic in schema.topics}
        counts = _counts(dataset, parts, sizes)
        self._chances = {name: k / (k + rows) for name, rows in counts.items()}
        if to_come is not None:
            for name, rows in _counts(dataset, [to_come], sizes).items():
                unknown = rows[1 : self._first[name]].sum() / max(rows[1:].sum(), 1)
                self._chances[name] = np.maximum(self._chances[name], unknown)
        for name, chances in self._chances.items():
            chances[: self._first[name]] = 0.0

    def read(self, start_step: int, stop_step: int) -> Batch:
        batch = self._reader.read(start_step, stop_step)
        features = batch.features | {
            name: self._read_again(name, batch.features[name], start_step)
            for name in self._chances
            if name in batch.features
        }
        return dataclasses.replace(batch, features=features)

    def _read_again(self, name: str, codes: npt.NDArray[Any], start_step: int) -> npt.NDArray[Any]:
        steps, own = np.arange(start_step, start_step + len(codes)), codes[0].size
        first = own * (steps * self._worker.count + self._worker.index)
        places = (first[:, np.newaxis] + np.arange(own)).ravel()
        drawn = uniform(places, derived_seed(self._seed, name))
        unknown = drawn.reshape(codes.shape) < self._chances[name][codes]
        buckets = self._first[name] - 1  # an unknown domain is read as none
        return np.where(unknown, 1 + codes % buckets if buckets else 0, codes).astype(codes.dtype)


def _counts(
    dataset: PreparedDataset, parts: Sequence[str], sizes: Mapping[str, int]
) -> dict[str, npt.NDArray[np.int64]]:
    """Number of rows of each code, for features with the given numbers of codes."""
    counts = {name: np.zeros(size, np.int64) for name, size in sizes.items()}
    for part in parts:
        for shard in dataset.shards(part, [f"features/{name}" for name in counts]):
            for name, found in counts.items():
                codes = shard[f"features/{name}"].read().ravel()
                found += np.bincount(codes, minlength=len(found))
    return counts

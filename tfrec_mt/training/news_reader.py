"""Readers of news batches for the training loop, one batch per call."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.news.news_batch import NewsBatch
from tfrec_mt.data.news.news_batch_reader import NewsBatchReader
from tfrec_mt.data.reading.batch import Arrays, Batch

Vectors = Callable[[npt.NDArray[np.integer[Any]]], npt.NDArray[np.float32]]


class NewsReader:
    """Reads one batch per call, as the number and length of titles differ from step to step."""

    def __init__(self, reader: NewsBatchReader) -> None:
        self._reader = reader
        self.steps_per_epoch = reader.steps_per_epoch

    def read(self, start_step: int, stop_step: int) -> Batch:
        """The batch of one step, with a first axis of one step.

        Labels are 1 for the clicked candidate, `{"ctr": float32 [1, B, C]}`.
        """
        batch = self._reader.read(only_step(start_step, stop_step))
        features = {name: values[np.newaxis] for name, values in news_features(batch).items()}
        keys = {name: features.pop(name) for name in ("user", "impression", "article")}
        clicks = np.zeros((1, *batch.candidates.shape), np.float32)
        clicks[..., 0] = 1.0
        return Batch(features=features, labels={"ctr": clicks}, keys=keys, truth={})


class PairReader:
    """Reads pairs of user and candidate, one batch per call, with titles' vectors, not titles."""

    def __init__(self, reader: NewsBatchReader, vectors: Vectors) -> None:
        self._reader = reader
        self._vectors = vectors
        self.steps_per_epoch = reader.steps_per_epoch

    def read(self, start_step: int, stop_step: int) -> Batch:
        """The batch of one step, with a first axis of one step; see `pair_features`."""
        batch = self._reader.read(only_step(start_step, stop_step))
        features, labels = (
            {name: values[np.newaxis] for name, values in arrays.items()}
            for arrays in pair_features(batch, self._vectors(batch.article))
        )
        user = np.repeat(batch.user, batch.candidates.shape[1])[np.newaxis]
        return Batch(features=features, labels=labels, keys={"user": user}, truth={})


def only_step(start_step: int, stop_step: int) -> int:
    """The single step of a range.

    Raises:
      ValueError: There are more, or none.
    """
    if stop_step - start_step != 1:
        raise ValueError(
            "batches of news differ in shape and are read one by one, "
            f"got steps {start_step} to {stop_step}"
        )
    return start_step


def news_features(batch: NewsBatch) -> Arrays:
    """All arrays of a batch by name, topics among them."""
    fields: dict[str, Any] = {
        field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)
    }
    return fields.pop("domains") | fields


def pair_features(batch: NewsBatch, vectors: Any) -> tuple[Arrays, Arrays]:
    """Features and clicks of each pair of user and candidate, on which kernels are trained.

    Missing candidates have no domain, so that no kernel learns from them.

    Args:
      batch: The batch.
      vectors: Its titles' vectors `[U, D]`.

    Returns:
      Features whose topics are `[B * C]`, and labels `{"ctr": float32 [B * C]}`.
    """
    mask = batch.candidate_mask
    features: Arrays = {
        "vectors": vectors,
        "history": batch.history,
        "history_length": batch.history_length,
        "candidates": batch.candidates,
        "candidate_mask": mask,
        "age_hours": batch.age_hours,
    }
    for topic, codes in batch.domains.items():
        features[topic] = np.where(mask, codes[:, np.newaxis], 0).astype(np.int32).ravel()
    clicks = np.zeros(mask.shape, np.float32)
    clicks[:, 0] = 1.0
    return features, {"ctr": clicks.ravel()}

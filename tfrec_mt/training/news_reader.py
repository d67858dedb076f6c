"""Batches of news as the training loop asks for them, one per call."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.batch import Batch
from tfrec_mt.data.news.news_batch_reader import NewsBatchReader
from tfrec_mt.models.news.news_features import news_features, pair_features

Vectors = Callable[[npt.NDArray[np.integer[Any]]], npt.NDArray[np.float32]]


class NewsReader:
    """One batch per call: the number and length of titles differs from step to step.

    Args:
      reader: Where the batches come from.
    """

    def __init__(self, reader: NewsBatchReader) -> None:
        self._reader = reader
        self.steps_per_epoch = reader.steps_per_epoch

    def read(self, start_step: int, stop_step: int) -> Batch:
        """The batch of one step, with a first axis of one step.

        The label is 1 for the clicked one of the candidates, `{"ctr": float32 [1, B, C]}`.

        Raises:
          ValueError: More than one step is asked for.
        """
        batch = self._reader.read(only_step(start_step, stop_step))
        features = {name: values[np.newaxis] for name, values in news_features(batch).items()}
        keys = {name: features.pop(name) for name in ("user", "impression", "article")}
        clicks = np.zeros((1, *batch.candidates.shape), np.float32)
        clicks[..., 0] = 1.0
        return Batch(features=features, labels={"ctr": clicks}, keys=keys, truth={})


class PairReader:
    """Pairs of user and candidate, one batch per call, with titles' vectors instead of titles.

    Args:
      reader: Where the batches come from.
      vectors: Vectors of articles.
    """

    def __init__(self, reader: NewsBatchReader, vectors: Vectors) -> None:
        self._reader = reader
        self._vectors = vectors
        self.steps_per_epoch = reader.steps_per_epoch

    def read(self, start_step: int, stop_step: int) -> Batch:
        """The batch of one step, with a first axis of one step; see `pair_features`.

        Raises:
          ValueError: More than one step is asked for.
        """
        batch = self._reader.read(only_step(start_step, stop_step))
        features, labels = (
            {name: values[np.newaxis] for name, values in arrays.items()}
            for arrays in pair_features(batch, self._vectors(batch.article))
        )
        user = np.repeat(batch.user, batch.candidates.shape[1])[np.newaxis]
        return Batch(features=features, labels=labels, keys={"user": user}, truth={})


def only_step(start_step: int, stop_step: int) -> int:
    """The one step from `start_step` to `stop_step`.

    Raises:
      ValueError: There are more, or none.
    """
    if stop_step - start_step != 1:
        raise ValueError(
            "batches of news differ in shape and are read one by one, "
            f"got steps {start_step} to {stop_step}"
        )
    return start_step

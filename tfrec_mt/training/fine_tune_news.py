"""Trains kernels behind a frozen news model."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.batch import Batch
from tfrec_mt.data.news.news_batch_reader import NewsBatchReader
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.models.model_store import load_news_model
from tfrec_mt.models.news.news_features import pair_features
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.news_scorer import NewsScorer
from tfrec_mt.training.fine_tune import FineTuneConfig, train_kernels
from tfrec_mt.training.news_reader import only_step
from tfrec_mt.training.run_results import model_folder, save_once

Vectors = Callable[[npt.NDArray[np.integer[Any]]], npt.NDArray[np.float32]]


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


def fine_tune_news(config: FineTuneConfig, label: str = "fine-tune") -> Path:
    """Trains kernels and saves each by itself; a killed run is resumed by the same call.

    The base is frozen, so each title is read once, whatever the number of steps.

    Args:
      config: Settings; a batch has so many clicks.
      label: Shown beside the progress bar.

    Returns:
      Folder of the kernels.
    """
    dataset = NewsDataset(config.data)
    base = load_news_model(model_folder(config.base), dataset)
    return fine_tune_recommender(config, base, dataset, label=label)


def fine_tune_recommender(
    config: FineTuneConfig,
    base: NewsRecommender,
    dataset: NewsDataset,
    keep_base: bool = False,
    label: str = "fine-tune",
) -> Path:
    """Trains kernels behind a base that is open already; see `fine_tune_ranking`."""
    clicks = NewsBatchReader(dataset, config.parts, config.train.batch_size, seed=config.train.seed)
    reader = PairReader(clicks, NewsScorer(base, dataset).vectors)
    pairs = reader.read(0, 1).labels["ctr"].size
    train = dataclasses.replace(config.train, batch_size=pairs, steps_per_call=1)

    def held_reader() -> PairReader:
        if keep_base:
            save_once(base, config.base, dataset.vocabularies, config.data, dataset.fingerprint)
        return reader

    return train_kernels(
        config, base, held_reader, train, dataset.fingerprint, label, any_shape=True
    )

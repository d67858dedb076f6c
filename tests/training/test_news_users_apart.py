"""Users held out of a news model's training, against plain loops."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.news_jobs import NewsJob
from tfrec_mt.data.news.news_batch_reader import NewsBatchReader
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.jobs.control import choose_rate, control_rate
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.news_scorer import NewsScorer
from tfrec_mt.models.news.title_encoders import make_title_encoder
from tfrec_mt.training.news_learner import NewsLearner
from tfrec_mt.training.news_reader import NewsReader
from tfrec_mt.training.news_users_apart import NewsUsersApart, click_losses
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam
from tfrec_mt.training.user_clusters import held_out


@pytest.fixture
def dataset(news_job: NewsJob) -> NewsDataset:
    return NewsDataset(news_job.data)


def _model(dataset: NewsDataset) -> NewsRecommender:
    keras.utils.set_random_seed(0)
    encoder = make_title_encoder("bag", dataset.schema)
    return NewsRecommender(dataset.schema, encoder, auxiliary=(), attention_units=5)


def _apart(dataset: NewsDataset, reader: Any) -> NewsUsersApart:
    return NewsUsersApart(reader, dataset, ("train",), None)


def _reader(dataset: NewsDataset) -> NewsReader:
    return NewsReader(NewsBatchReader(dataset, ("train",), 32, seed=0))


class _Turned:
    """A reader whose held-out users have clicked something else."""

    steps_per_epoch = 1

    def __init__(self, reader: NewsReader) -> None:
        self._reader = reader

    def read(self, start_step: int, stop_step: int) -> Batch:
        batch = self._reader.read(start_step, stop_step)
        candidates, apart = batch.features["candidates"].copy(), held_out(batch.keys["user"])
        candidates[apart] = np.roll(candidates[apart], 1, axis=-1)
        assert not np.array_equal(candidates, batch.features["candidates"])
        return dataclasses.replace(batch, features=batch.features | {"candidates": candidates})


def test_clicks_of_held_out_users_are_not_learned_from(dataset: NewsDataset) -> None:
    reader, weights = _reader(dataset), []
    wrapped: list[Callable[[Any], Any]] = [lambda one: one, lambda one: _apart(dataset, one)]
    for wrap in wrapped:
        for one in (reader, _Turned(reader)):
            learner = NewsLearner(model := _model(dataset), LazyAdam(0.1), "none")
            features = wrap(one).read(0, 1).features
            learner.step({name: values[0] for name, values in features.items()}, {})
            weights.append([weight.numpy() for weight in model.weights])
    apart = [
        max(np.abs(one - other).max() for one, other in zip(*pair, strict=True))
        for pair in (weights[:2], weights[2:])
    ]
    # a step is of .1
    assert apart[0] > 0.05 and apart[1] < 1e-5


def test_the_loss_is_that_of_held_out_users_clicks(dataset: NewsDataset) -> None:
    model = _model(dataset)
    score, expected = NewsScorer(model, dataset), []
    for batch in scan_impressions(dataset, "train", 100):
        scores, assured = score(batch).astype(np.float64), batch.clicked
        assert assured is not None
        for number, user in enumerate(batch.user):
            places = slice(*batch.offsets[number : number + 2])
            clicked, own = assured[places], scores[places]
            for one in own[clicked] if held_out(np.array([user]))[0] else ():
                if not clicked.all():
                    others = np.exp(own[~clicked]).sum()
                    expected.append(-np.log(np.exp(one) / (np.exp(one) + others)))
    assert len(expected) > 50
    found = _apart(dataset, _reader(dataset)).loss(model, {})
    assert found == pytest.approx(np.mean(expected), rel=1e-5)


def test_losses_of_scores_far_apart_are_finite(dataset: NewsDataset) -> None:
    (batch,) = scan_impressions(dataset, "test", 10_000)
    assert batch.clicked is not None
    high = click_losses(batch, np.where(batch.clicked, 4e3, -4e3))
    low = click_losses(batch, np.where(batch.clicked, -4e3, 4e3))
    assert len(high) == len(low) > 10
    assert not high.any() and (low >= 8e3).all()


def test_the_search_begins_where_it_is_told(tmp_path: Path) -> None:
    found = choose_rate(tmp_path, 5, lambda rate: abs(rate - 1e-5), first=2e-5)
    assert sorted(found.losses) == pytest.approx([5e-6, 1e-5, 2e-5, 4e-5])
    assert control_rate(tmp_path) == found

"""Accuracies of heads against counting by hand."""

import numpy as np
import pytest

from studies.news.title_accuracy import title_accuracy
from tests.news_jobs import NewsJob
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.models.model_store import load_model
from tfrec_mt.models.news.news_scorer import NewsScorer


def test_accuracies_are_those_of_one_title_after_the_other(news_job: NewsJob) -> None:
    dataset = NewsDataset(news_job.data)
    model = load_model(news_job.model)
    rows = np.arange(40)  # the empty article, which has no class, among them
    found = title_accuracy(model, NewsScorer(model, dataset), dataset, rows)

    for name, head in model.heads.items():
        classes = dataset.category if name == "category" else dataset.sentiment
        right = []
        for row in np.flatnonzero(classes[:40]):
            vector = model.titles(dataset.article_tokens(np.array([row])))
            right.append(int(np.argmax(head(vector)[0])) == classes[row] - 1)
        # alone or beside others a title's bfloat16 sums differ, so a close call may go either way
        assert found[name] == pytest.approx(np.mean(right), abs=1 / len(right))
    assert dataset.category[0] == 0


def test_nothing_to_ask_about_gives_nothing(news_job: NewsJob) -> None:
    dataset = NewsDataset(news_job.data)
    model = load_model(news_job.model)
    rows = np.array([0])
    assert title_accuracy(model, NewsScorer(model, dataset), dataset, rows) == {}

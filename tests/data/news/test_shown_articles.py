"""Shown articles against looking at one impression after the other."""

import numpy as np
import pytest

from tests.news_jobs import NewsJob
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.shown_articles import shown_articles


@pytest.mark.parametrize("part", ["train", "test"])
def test_candidates_and_visible_histories_count(news_job: NewsJob, part: str) -> None:
    dataset = NewsDataset(news_job.data)
    columns = dataset.part(part)
    expected = set(columns.candidates.tolist())
    for end, length in zip(columns.history_end, columns.history_length, strict=True):
        expected |= set(dataset.history_articles[end - length : end].tolist())
    found = shown_articles(columns, dataset.history_articles, dataset.articles)
    assert set(np.flatnonzero(found)) == expected
    assert len(expected) < dataset.articles

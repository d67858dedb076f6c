"""Floors of news against slow counts."""

import numpy as np

from tests.news_jobs import NewsJob
from tfrec_mt.configs import EvaluateConfig
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.evaluation.news_floors import RecentClicks, SectionRates
from tfrec_mt.jobs.evaluate import run_evaluate


def test_recent_clicks_are_those_of_the_hours_before(news_job: NewsJob) -> None:
    dataset, hours = NewsDataset(news_job.data), 24
    clicks: list[tuple[int, int]] = []
    for part in dataset.parts:
        for batch in scan_impressions(dataset, part, 10_000):
            assert batch.clicked is not None
            times = np.repeat(batch.time, np.diff(batch.offsets))
            chosen = np.flatnonzero(batch.clicked)
            clicks += zip(batch.candidates[chosen], times[chosen], strict=True)
    (batch,) = scan_impressions(dataset, "test", 10_000)
    found = RecentClicks(dataset, hours)(batch)
    expected = [
        sum(of == article and time - hours * 3600 <= at < time for of, at in clicks)
        for place, time in enumerate(batch.time[:50])
        for article in batch.candidates[batch.offsets[place] : batch.offsets[place + 1]]
    ]
    assert sum(expected) > 0
    np.testing.assert_array_equal(found[: len(expected)], expected)


def test_rates_of_sections_are_those_of_the_part(news_job: NewsJob) -> None:
    dataset = NewsDataset(news_job.data)
    (train,) = scan_impressions(dataset, "train", 100_000)
    (test,) = scan_impressions(dataset, "test", 10_000)
    assert train.clicked is not None
    found = SectionRates(dataset, "train", strength=0.0)(test)
    sections, of_test = (dataset.category[batch.candidates] for batch in (train, test))
    for section in np.unique(of_test):
        rows = sections == section
        if rows.any():
            (rate,) = np.unique(found[of_test == section])
            np.testing.assert_allclose(rate, train.clicked[rows].mean(), rtol=1e-6)


def test_they_stand_beside_every_model_of_news(news_job: NewsJob) -> None:
    found = run_evaluate(
        EvaluateConfig(data=news_job.data, base=news_job.base, kernels=news_job.kernels)
    )
    assert {"recent_clicks", "section_rates"} <= {row.model for row in found.metrics}
    values = {(r.model, r.topic, r.metric): r.value for r in found.metrics if r.reference is None}
    for model in ("zero_shot", "adapted"):
        for floor in ("recent_clicks", "section_rates"):
            own, other = (values[name, "all", "auc"] for name in (model, floor))
            assert own is not None and other is not None
            said = any((one.model, one.floor) == (model, floor) for one in found.below)
            assert said == (own < other)

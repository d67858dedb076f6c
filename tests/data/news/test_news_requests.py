"""Impressions in raw form: what their codes stand for."""

import numpy as np

from tests.news_jobs import NewsJob
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.news_requests import news_requests, stored_impressions
from tfrec_mt.data.news.scan_impressions import scan_impressions


def test_requests_say_in_words_what_codes_say(news_job: NewsJob) -> None:
    dataset = NewsDataset(news_job.data)
    requests = news_requests(dataset, "test", 20)
    assert len(requests) == 20 and requests["row"].n_unique() == 20
    titles = dataset.titles()["title"].to_list()
    columns = dataset.part("test")
    for request in requests.iter_rows(named=True):
        row = request["row"]
        shown = min(columns.history_length[row], dataset.schema.history_length)
        end = columns.history_end[row]
        clicks = dataset.history_articles[end - shown : end][::-1]
        candidates = columns.candidates[columns.offsets[row] : columns.offsets[row + 1]]
        assert request["history"] == [titles[article] for article in clicks]
        assert request["candidates"] == [titles[article] for article in candidates]
        hours = (columns.time[row] - dataset.published[candidates]) / 3_600
        np.testing.assert_allclose(request["age_hours"], np.maximum(hours, 0.0), rtol=1e-6)
        for topic in dataset.schema.topics:
            code = columns.domains[topic.name][row]
            assert request[topic.name] == (topic.domains[code - 1] if code else "")


def test_no_more_requests_than_impressions(news_job: NewsJob) -> None:
    dataset = NewsDataset(news_job.data)
    count = len(dataset.part("test"))
    assert news_requests(dataset, "test", 10**6)["row"].to_list() == list(range(count))


def test_impressions_at_some_places_are_those_of_a_scan(news_job: NewsJob) -> None:
    dataset = NewsDataset(news_job.data)
    (everything,) = scan_impressions(dataset, "test", 10**6)
    rows = np.array([5, 0, 7])
    some = stored_impressions(dataset, "test", rows)
    np.testing.assert_array_equal(some.history, everything.history[rows])
    np.testing.assert_array_equal(some.user, everything.user[rows])
    start = 0
    for row in rows:
        stop = start + everything.offsets[row + 1] - everything.offsets[row]
        expected = slice(everything.offsets[row], everything.offsets[row + 1])
        np.testing.assert_array_equal(some.candidates[start:stop], everything.candidates[expected])
        start = stop

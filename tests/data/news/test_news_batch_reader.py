import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.news.tiny_news import VOCABULARY, TinyNews, impressions
from tfrec_mt.data.news.news_batch import NewsBatch
from tfrec_mt.data.news.news_batch_reader import NewsBatchReader
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import DataError


def reader(dataset: NewsDataset, **changes: Any) -> NewsBatchReader:
    settings: dict[str, Any] = {"parts": ["train"], "batch_size": 16, "seed": 1, **changes}
    return NewsBatchReader(dataset, **settings)


def arrays(batch: NewsBatch) -> list[Any]:
    values = [getattr(batch, field.name) for field in dataclasses.fields(NewsBatch)]
    return [v for v in values if not isinstance(v, dict)] + list(batch.domains.values())


def equal(one: NewsBatch, other: NewsBatch) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(arrays(one), arrays(other), strict=True))


def impression_rows(dataset: NewsDataset, part: str) -> dict[int, dict[str, Any]]:
    """What each impression holds, looked up one by one."""
    columns = dataset.part(part)
    assert columns.clicked is not None
    rows = {}
    for n in range(len(columns)):
        shown = slice(int(columns.offsets[n]), int(columns.offsets[n + 1]))
        end = int(columns.history_end[n])
        clicks = dataset.history_articles[end - int(columns.history_length[n]) : end]
        rows[int(columns.impression[n])] = {
            "candidates": columns.candidates[shown].tolist(),
            "clicked": columns.clicked[shown].tolist(),
            "history": clicks[::-1].tolist(),
            "time": int(columns.time[n]),
            "user": int(columns.user[n]),
            "section": int(columns.domains["section"][n]),
        }
    return rows


def test_clicks_of_some_users_are_read_once_in_each_epoch(newsroom: NewsDataset) -> None:
    def clicks(batches: NewsBatchReader) -> list[tuple[int, ...]]:
        """Impression, user and clicked article of each click of an epoch."""
        found: list[tuple[int, ...]] = []
        for step in range(batches.steps_per_epoch):
            batch = batches.read(step)
            article = batch.article[batch.candidates[:, 0]]
            found += zip(batch.impression, batch.user, article, strict=True)
        return found

    everything = clicks(reader(newsroom, batch_size=1))
    odd = clicks(reader(newsroom, batch_size=1, users=lambda users: users % 2 == 1))
    assert sorted(odd) == sorted(click for click in everything if click[1] % 2)
    assert 0 < len(odd) < len(everything)


@pytest.mark.parametrize("negatives", [1, 4, 30])
def test_every_entry_of_a_batch_against_its_impression(
    newsroom: NewsDataset, negatives: int
) -> None:
    rows = impression_rows(newsroom, "train")
    batches = reader(newsroom, negatives=negatives, history_length=7)
    for step in range(5):
        batch = batches.read(step)
        for b, number in enumerate(batch.impression.tolist()):
            row = rows[number]
            article = batch.article[batch.candidates[b]]
            mask = batch.candidate_mask[b]
            places = [row["candidates"].index(a) for a in article[mask]]
            assert [row["clicked"][p] for p in places] == [True] + [False] * (len(places) - 1)
            unclicked = row["clicked"].count(False)
            assert len(places) - 1 == len(set(places)) - 1 == min(negatives, unclicked)
            assert mask[: len(places)].all() and not batch.candidates[b][~mask].any()
            length = int(batch.history_length[b])
            assert length == min(7, len(row["history"]))
            history = batch.article[batch.history[b]]
            assert history[:length].tolist() == row["history"][:length]
            assert not batch.history[b, length:].any()
            ages = (row["time"] - newsroom.published[article[mask]]) / 3_600
            assert batch.age_hours[b][mask].tolist() == pytest.approx(ages.tolist(), rel=1e-6)
            assert not batch.age_hours[b][~mask].any()
            assert batch.user[b] == row["user"]
            assert batch.domains["section"][b] == row["section"]


def test_titles_are_distinct_and_described(newsroom: NewsDataset) -> None:
    batch = reader(newsroom).read(0)
    count = len(batch.article)
    used = count - (batch.article[1:] == 0).sum()
    assert count % 16 == 0 and count - used < 16
    assert batch.article[0] == 0 and len(set(batch.article[:used].tolist())) == used
    assert batch.tokens.shape[1] % 8 == 0
    assert batch.tokens.dtype == batch.history.dtype == batch.candidates.dtype == np.int32
    shown = {int(b) for b in batch.history.ravel()} | {int(b) for b in batch.candidates.ravel()}
    assert shown | {0} == set(range(used))
    in_history = set(batch.history.ravel().tolist()) - {0}
    assert set(np.flatnonzero(batch.in_history).tolist()) == in_history
    pieces = newsroom.vocabulary.pieces
    lengths = newsroom.article_lengths(batch.article)
    for title in (0, 1, used - 1):
        words = [pieces[token] for token in batch.tokens[title]]
        assert words[0] == "[CLS]" and words[lengths[title] - 1] == "[SEP]"
        assert set(words[lengths[title] :]) <= {"[PAD]"}
    assert batch.tokens.shape[1] - lengths.max() < 8
    assert batch.category.tolist() == newsroom.category[batch.article].tolist()
    assert batch.sentiment.tolist() == newsroom.sentiment[batch.article].tolist()
    assert batch.entities.shape == (count, len(newsroom.schema.entities))
    assert batch.entities.tolist() == newsroom.article_entities(batch.article).tolist()


def test_an_epoch_holds_each_click_once(newsroom: NewsDataset) -> None:
    rows = impression_rows(newsroom, "train")
    wanted = sorted(
        (number, article)
        for number, row in rows.items()
        if not all(row["clicked"])
        for article, clicked in zip(row["candidates"], row["clicked"], strict=True)
        if clicked
    )
    batches = reader(newsroom, batch_size=1)
    assert batches.clicks == batches.steps_per_epoch == len(wanted)
    for epoch in (0, 1):
        found = []
        for step in range(batches.steps_per_epoch):
            batch = batches.read(epoch * batches.steps_per_epoch + step)
            article = batch.article[batch.candidates[0, 0]]
            found.append((int(batch.impression[0]), int(article)))
        assert sorted(found) == wanted
        assert found != wanted


def test_a_batch_depends_on_seed_and_step_alone(newsroom: NewsDataset) -> None:
    one, other = reader(newsroom), reader(newsroom)
    steps = [one.steps_per_epoch + 3, 0, 5, one.steps_per_epoch, 2]
    first = {step: one.read(step) for step in steps}
    for step in sorted(steps):
        assert equal(first[step], other.read(step)), step
    assert not equal(first[0], reader(newsroom, seed=2).read(0))
    assert not equal(first[0], first[one.steps_per_epoch])


def test_negatives_are_drawn_evenly(tmp_path: Path) -> None:
    columns = impressions(
        candidates=[[10, 20, 30, 40, 50, 60]] * 6,
        clicked=[[0, 0, 1, 0, 0, 0]] * 6,
        truth=[[0.5] * 6] * 6,
    )
    dataset = prepare_news(
        TinyNews(impression_columns=columns),
        tmp_path / "data",
        split=SplitSpec.parse("train:5,test:1", "time"),
        vocabulary=VOCABULARY,
    )
    batches = reader(dataset, batch_size=5, negatives=2)
    drawn = np.zeros((7, 7))
    for step in range(2_000):
        batch = batches.read(step)
        pair = batch.article[batch.candidates[:, 1:]]
        np.add.at(drawn, (pair[:, 0], pair[:, 1]), 1)
    others = [1, 2, 4, 5, 6]
    shares = drawn[np.ix_(others, others)] / drawn.sum()
    assert np.diag(shares).sum() == 0
    assert drawn[np.ix_(others, others)].sum() == drawn.sum() == 10_000
    # Each of 20 ordered pairs: .05, with a deviation of .0022.
    assert np.abs(shares[~np.eye(5, dtype=bool)] - 0.05).max() < 0.009


def test_impressions_that_teach_nothing_are_passed_over(tmp_path: Path) -> None:
    dataset = prepare_news(
        TinyNews(),
        tmp_path / "data",
        split=SplitSpec.parse("train:1,test:1", "days"),
        vocabulary=VOCABULARY,
    )
    batches = reader(dataset, batch_size=4)
    assert batches.clicks == 4  # of impressions 1, 2 and twice 5: 3 has no click, 4 nothing else
    assert sorted(batches.read(0).impression.tolist()) == [1, 2, 5, 5]


def test_parts_can_be_mixed(newsroom: NewsDataset) -> None:
    both = reader(newsroom, parts=["train", "fresh"])
    alone = [reader(newsroom, parts=[part]) for part in ("train", "fresh")]
    assert both.clicks == sum(one.clicks for one in alone)
    rows = impression_rows(newsroom, "train") | impression_rows(newsroom, "fresh")
    batch = both.read(0)
    for b, number in enumerate(batch.impression.tolist()):
        history = batch.article[batch.history[b, : batch.history_length[b]]]
        assert history.tolist() == rows[number]["history"][:12]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"parts": ["trian"]}, DataError, "did you mean 'train'"),
        ({"parts": []}, DataError, "distinct parts"),
        ({"parts": ["train", "train"]}, DataError, "distinct parts"),
        ({"batch_size": 10**6}, DataError, "fewer than one batch of 1000000"),
        ({"batch_size": 0}, ValueError, "at least 1"),
        ({"negatives": 0}, ValueError, "at least 1"),
        ({"history_length": 0}, ValueError, "at least 1"),
    ],
)
def test_bad_settings(
    newsroom: NewsDataset, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        reader(newsroom, **changes)
    with pytest.raises(ValueError, match="at least 0"):
        reader(newsroom).read(-1)


def test_a_part_without_labels_cannot_be_trained_on(tmp_path: Path) -> None:
    source = TinyNews(part_names=("train", "test"), unlabelled=("test",))
    dataset = prepare_news(source, tmp_path / "data", vocabulary=VOCABULARY)
    with pytest.raises(DataError, match=r"part 'test' of .* has no labels"):
        reader(dataset, parts=["test"], batch_size=1)

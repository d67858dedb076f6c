import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.data.news.sources.newsroom import NewsroomConfig, NewsroomSource, RealTitles
from tfrec_mt.data.news.sources.newsroom.impressions import (
    FEWEST,
    MOST,
    age_score,
    click_logits,
    draw_impressions,
)
from tfrec_mt.data.news.sources.newsroom.lexicon import DESKS, FEELINGS, NOISE
from tfrec_mt.data.news.sources.newsroom.world import CLICK_RATE, DAY, SHARES, World
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.metrics import impression_metrics
from tfrec_mt.schema import DataError, SchemaError

SMALL = NewsroomConfig(users=200, articles=600, impressions=4_000)


@pytest.fixture(scope="module")
def world() -> World:
    return World.create(NewsroomConfig(users=500, articles=3_000, impressions=20_000))


def tables(source: NewsroomSource) -> dict[str, pl.DataFrame]:
    (log,) = source.logs()
    return {
        "articles": pl.DataFrame(source.articles()),
        "histories": pl.DataFrame(log.histories),
        "impressions": pl.DataFrame(log.impressions),
    }


def test_a_seed_gives_one_world() -> None:
    one, again = (tables(NewsroomSource(SMALL)) for _ in range(2))
    other = tables(NewsroomSource(dataclasses.replace(SMALL, seed=1)))
    for name, frame in one.items():
        assert frame.equals(again[name])
        assert not frame.equals(other[name])


def test_no_word_belongs_to_two_lists() -> None:
    lists = [desk.split() for desks in DESKS.values() for desk in desks]
    lists += [words.split() for words in FEELINGS]
    words = [word for words in [*lists, NOISE.split()] for word in words]
    assert len(set(words)) == len(words)
    assert {len(desk) for desk in lists[:-3]} == {12}


def test_histories_and_impressions_are_whole() -> None:
    found = tables(NewsroomSource(SMALL))
    shown = found["impressions"]
    assert shown.height == SMALL.impressions
    assert shown["time"].is_sorted()
    sizes = shown["candidates"].list.len()
    assert (sizes.min() or 0) >= FEWEST and (sizes.max() or 0) <= MOST  # type: ignore[operator]
    assert (shown["candidates"].list.n_unique() == sizes).all()
    published = found["articles"]["published"].to_numpy()
    flat = shown.select("time", "candidates").explode("candidates")
    assert (published[flat["candidates"].to_numpy() - 1] <= flat["time"].to_numpy()).all()
    times = found["histories"]["times"]
    assert (times == times.list.sort()).all()
    days = (shown["time"] // DAY).n_unique()
    assert days == SMALL.days
    clicks = int(shown["clicked"].list.sum().to_numpy().sum())
    before = times.explode(empty_as_null=False) < shown["time"].min()
    assert times.list.len().to_numpy().sum() == clicks + before.to_numpy().sum()
    assert before.to_numpy().sum() > 0.4 * clicks


def test_clicks_come_with_their_probability(world: World) -> None:
    drawn = draw_impressions(world)
    assert drawn.truth.mean() == pytest.approx(CLICK_RATE, abs=0.01)
    edges = np.quantile(drawn.truth, np.linspace(0, 1, 11))
    bins = np.clip(np.searchsorted(edges, drawn.truth, side="right") - 1, 0, 9)
    for number in range(10):
        inside = bins == number
        expected = drawn.truth[inside].mean()
        deviation = np.sqrt(expected * (1 - expected) / inside.sum())
        assert abs(drawn.clicked[inside].mean() - expected) < 4 * deviation


def test_click_logits_longhand(world: World) -> None:
    rng = np.random.default_rng(0)
    articles, readers = world.articles, world.readers
    assert articles.sentiment is not None
    for _ in range(50):
        user, article = int(rng.integers(500)), int(rng.integers(3_000))
        section, device = int(rng.integers(4)), int(rng.integers(3))
        age = int(rng.integers(0, 3 * DAY))
        c, b, s = (
            int(codes[article]) for codes in (articles.category, articles.desk, articles.sentiment)
        )
        old = np.log2(1 + age / 21_600) - 2
        wanted = 0.4 * readers.inclination[user] + 0.5 * world.liked[c]
        wanted += 1.3 * readers.category[user, c] + 0.6 * readers.desk[user, c, b]
        wanted += readers.sentiment[user, s] + 0.2 * articles.appeal[article]
        if articles.named[article]:
            wanted += 0.3 * world.fame[articles.entity[article]]
        wanted -= (0.35 + 0.2 * readers.recency[user]) * old
        for name, domain in (("section", section), ("device", device)):
            terms = world.domains[name]
            wanted += 0.35 * terms.category[domain, c] + 0.25 * terms.sentiment[domain, s]
            wanted -= 0.2 * terms.recency[domain] * old
        found = click_logits(
            world,
            np.array([user]),
            {"section": np.array([section]), "device": np.array([device])},
            np.array([article]),
            np.array([articles.published[article] + age]),
        )
        assert found[0] == pytest.approx(wanted, abs=1e-12)


def test_domain_terms_cancel_over_the_log(world: World) -> None:
    for name, terms in world.domains.items():
        for values in (terms.category, terms.sentiment, terms.recency[:, np.newaxis]):
            assert np.abs(SHARES[name] @ values).max() < 1e-12
            assert SHARES[name] @ values**2 == pytest.approx(1.0)


def test_without_shift_domains_say_nothing() -> None:
    flat = World.create(dataclasses.replace(SMALL, shift=0.0))
    shifted = World.create(SMALL)
    rng = np.random.default_rng(0)
    user, article = rng.integers(0, 200, 100), rng.integers(0, 600, 100)
    time = flat.articles.published[article] + 5_000
    logits = [
        [
            click_logits(
                world, user, {"section": np.full(100, s), "device": np.full(100, d)}, article, time
            )
            for s in range(4)
            for d in range(3)
        ]
        for world in (flat, shifted)
    ]
    assert np.ptp(logits[0], axis=0).max() == 0
    assert np.ptp(logits[1], axis=0).min() > 0.1
    # The rest of the world is the same.
    assert list(flat.articles.titles) == list(shifted.articles.titles)
    assert np.array_equal(flat.readers.category, shifted.readers.category)


def test_ages_are_about_standard(world: World) -> None:
    drawn = draw_impressions(world)
    time = np.repeat(drawn.time, np.diff(drawn.offsets))
    old = age_score(time - world.articles.published[drawn.article])
    assert abs(old.mean()) < 0.2 and 0.9 < old.std() < 1.2


def test_category_and_sentiment_show_in_unseen_titles_but_not_plainly() -> None:
    articles = World.create(NewsroomConfig(articles=6_000, users=1)).articles
    assert articles.sentiment is not None
    words = CountVectorizer().fit_transform(articles.titles)
    for labels, low, high in ((articles.category, 0.82, 0.96), (articles.sentiment, 0.75, 0.92)):
        model = LogisticRegression(max_iter=300).fit(words[:4_000], labels[:4_000])
        assert low < model.score(words[4_000:], labels[4_000:]) < high


def test_titles_name_the_entity_that_they_say() -> None:
    articles = World.create(SMALL).articles
    for title, entity, named in zip(articles.titles, articles.entity, articles.named, strict=True):
        assert (articles.entities[entity].lower() in title.lower()) == named
    assert 0.2 < articles.named.mean() < 0.6


def test_subtitles_tell_more_of_the_same() -> None:
    articles = World.create(NewsroomConfig(articles=6_000, users=1)).articles
    assert articles.subtitles is not None
    assert not set(articles.titles) & set(articles.subtitles)
    both = [f"{a} {b}" for a, b in zip(articles.titles, articles.subtitles, strict=True)]
    right = []
    for texts in (articles.titles, both):
        words = CountVectorizer().fit_transform(texts)
        model = LogisticRegression(max_iter=300).fit(words[:4_000], articles.desk[:4_000])
        right.append(model.score(words[4_000:], articles.desk[4_000:]))
    assert right[1] > right[0] + 0.02


def test_the_truth_reaches_evaluation(tmp_path: Path) -> None:
    dataset = prepare_news(
        NewsroomSource(SMALL),
        tmp_path / "data",
        split=SplitSpec.parse("train:6,fresh:1,test:1", "days"),
        learned_pieces=300,
    )
    (batch,) = scan_impressions(dataset, "test", 10_000)
    assert batch.truth is not None and batch.clicked is not None
    auc = impression_metrics(batch.clicked, batch.truth, batch.offsets)["auc"]
    assert np.nanmean(auc) > 0.75
    assert batch.history_length.mean() > 8


def test_real_titles_take_their_categories_along() -> None:
    titles = RealTitles([f"title {n}" for n in range(150)], [f"c{n % 7}" for n in range(150)])
    found = tables(NewsroomSource(SMALL, titles))
    articles = found["articles"]
    assert "sentiment" not in articles.columns and "subtitle" not in articles.columns
    assert articles["title"].value_counts()["count"].to_list() == [4] * 150
    number = articles["title"].str.slice(6).cast(pl.Int64)
    assert (articles["category"] == "c" + (number % 7).cast(pl.String)).all()
    truth = found["impressions"]["truth"].explode()
    assert truth.mean() == pytest.approx(CLICK_RATE, abs=0.02)


def test_bad_real_titles() -> None:
    with pytest.raises(DataError, match="got 1 and 2"):
        RealTitles(["a"], ["b", "c"])
    with pytest.raises(DataError, match="row 2"):
        RealTitles(["a", " "], ["b", "c"])


@pytest.mark.parametrize(
    "changes",
    [
        {"users": 0},
        {"articles": 99},
        {"impressions": 0.5},
        {"seed": -1},
        {"days": True},
        {"shift": -1},
    ],
)
def test_bad_settings(changes: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match=next(iter(changes))):
        NewsroomConfig(**changes)

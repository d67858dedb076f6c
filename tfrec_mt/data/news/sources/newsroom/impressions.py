"""Impressions of a newsroom: who is shown what, and what is clicked."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.news.ragged import offsets_of
from tfrec_mt.data.news.sources.newsroom.config import WARM_UP_DAYS
from tfrec_mt.data.news.sources.newsroom.world import (
    CLICK_RATE,
    DAY,
    FIRST_SECOND,
    SHARES,
    World,
)

FEWEST: Final = 5
MOST: Final = 15
# Half of the shown articles are younger than about two thirds of this.
_MEAN_AGE_DAYS: Final = 1.0
_BLOCK = 20_000
_STREAM = 4


@dataclass(frozen=True)
class Impressions:
    """n impressions in order of time, with N candidates.

    Args:
      user: [n] row of the reader.
      time: [n] seconds since 1970.
      domains: [n] code (from 0) of the domain, by topic.
      offsets: [n + 1] where each impression's candidates begin.
      article, truth, clicked: [N] row of the article, click probability and click.
    """

    user: NDArray[np.int64]
    time: NDArray[np.int64]
    domains: dict[str, NDArray[np.int64]]
    offsets: NDArray[np.int64]
    article: NDArray[np.int64]
    truth: NDArray[np.float64]
    clicked: NDArray[np.bool_]


def draw_impressions(world: World) -> Impressions:
    """Draws all impressions, those that only fill the histories first."""
    config = world.config
    rng = np.random.default_rng([config.seed, _STREAM])
    count = config.all_impressions
    before = count - config.impressions
    spans = ((before, -WARM_UP_DAYS, 0), (config.impressions, 0, config.days))
    time = np.concatenate([np.sort(_times(*span, rng)) for span in spans])
    user = rng.choice(config.users, count, p=world.readers.activity)
    domains = {name: rng.choice(len(p), count, p=p) for name, p in SHARES.items()}
    lengths, article = _candidates(world, time, rng)
    offsets = offsets_of(lengths)
    owner = np.repeat(np.arange(count), lengths)
    blocks = []
    for start in range(0, len(owner), _BLOCK):
        rows, shown = owner[start : start + _BLOCK], article[start : start + _BLOCK]
        codes = {name: domain[rows] for name, domain in domains.items()}
        blocks.append(click_logits(world, user[rows], codes, shown, time[rows]))
    logits = np.concatenate(blocks)
    truth = _sigmoid(logits + _intercept(logits[: 50 * _BLOCK]))
    return Impressions(user, time, domains, offsets, article, truth, rng.random(len(truth)) < truth)


def click_logits(
    world: World,
    user: NDArray[np.int64],
    domains: dict[str, NDArray[np.int64]],
    article: NDArray[np.int64],
    time: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Click logits without the intercept; every argument and the result are `[N]`."""
    articles, readers = world.articles, world.readers
    category, desk = articles.category[article], articles.desk[article]
    old = age_score(time - articles.published[article])
    logits = (
        0.4 * readers.inclination[user]
        + 0.5 * world.liked[category]
        + 1.3 * readers.category[user, category]
        + 0.2 * articles.appeal[article]
        + 0.3 * world.fame[articles.entity[article]] * articles.named[article]
        - (0.35 + 0.2 * readers.recency[user]) * old
    )
    if articles.sentiment is not None:
        sentiment = articles.sentiment[article]
        logits += 0.6 * readers.desk[user, category, desk]
        logits += 1.0 * readers.sentiment[user, sentiment]
    for name, terms in world.domains.items():
        domain = domains[name]
        added = 0.35 * terms.category[domain, category] - 0.2 * terms.recency[domain] * old
        if articles.sentiment is not None:
            added += 0.25 * terms.sentiment[domain, sentiment]
        logits += world.config.shift * added
    return np.asarray(logits)


def age_score(seconds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Perceived age of news, with about mean 0 and deviation 1 over the articles shown."""
    return np.asarray(np.log2(1 + seconds / (6 * 3_600)) - 2.0)


def _times(count: int, first_day: int, end_day: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draws `count` times, in seconds, between 6:00 and 24:00 (UTC) of a range of days."""
    day = rng.integers(first_day, end_day, count)
    return np.asarray(FIRST_SECOND + day * DAY + rng.integers(6 * 3_600, DAY, count))


def _candidates(
    world: World, time: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of candidates of each impression `[n]`, and the articles `[N]`."""
    published = world.articles.published
    per_day = len(published) / ((published[-1] - published[0]) / DAY)
    lengths, articles = [], []
    for start in range(0, len(time), _BLOCK):
        newest = np.searchsorted(published, time[start : start + _BLOCK])
        wanted = rng.integers(FEWEST, MOST + 1, len(newest))
        # [n, 2 MOST] how many articles back from the newest one
        back = rng.exponential(_MEAN_AGE_DAYS * per_day, (len(newest), 2 * MOST)).astype(np.int64)
        drawn = np.maximum(newest[:, np.newaxis] - 1 - back, 0)
        chosen = _first_distinct(drawn, wanted)
        lengths.append(chosen.sum(axis=1))
        articles.append(drawn[chosen])
    return np.concatenate(lengths), np.concatenate(articles)


def _first_distinct(drawn: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Marks the first `wanted` `[n]` distinct values of each row of `drawn` `[n, m]`."""
    order = np.argsort(drawn, axis=1, kind="stable")
    ordered = np.take_along_axis(drawn, order, axis=1)
    fresh = np.ones(drawn.shape, bool)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    distinct = np.empty_like(fresh)
    np.put_along_axis(distinct, order, fresh, axis=1)
    return np.asarray(distinct & (np.cumsum(distinct, axis=1) <= wanted[:, np.newaxis]))


def _intercept(logits: NDArray[np.float64]) -> float:
    """The intercept at which the click rate is `CLICK_RATE`, by bisection."""
    low, high = -20.0, 20.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        below = _sigmoid(logits + middle).mean() < CLICK_RATE
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))

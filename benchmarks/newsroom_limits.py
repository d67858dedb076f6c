"""Upper bounds in the newsroom: per-impression AUC of the truth and of parts of it.

Example:
  python benchmarks/newsroom_limits.py --seeds=3
"""

import dataclasses
from typing import Any

import numpy as np
from absl import app, flags
from numpy.typing import NDArray

from tfrec_mt.data.news.sources.newsroom import NewsroomConfig
from tfrec_mt.data.news.sources.newsroom.impressions import (
    Impressions,
    click_logits,
    draw_impressions,
)
from tfrec_mt.data.news.sources.newsroom.world import DAY, FIRST_SECOND, World
from tfrec_mt.metrics import impression_metrics

_SEEDS = flags.DEFINE_integer("seeds", 3, "Worlds to average over.", lower_bound=1)
_IMPRESSIONS = flags.DEFINE_integer("impressions", 100_000, "Impressions of each.", lower_bound=1)
_HISTORY = 50
_SMOOTHING = {"category": 10.0, "desk": 30.0, "sentiment": 5.0}


def zeroed(part: Any, *names: str) -> Any:
    """A part of the world with some of its arrays set to zero."""
    return dataclasses.replace(part, **{name: np.zeros_like(getattr(part, name)) for name in names})


class Log:
    """Impressions of one world from a given day on, and scores of their candidates."""

    def __init__(self, world: World, drawn: Impressions, first_day: int) -> None:
        first = int(np.searchsorted(drawn.time, FIRST_SECOND + first_day * DAY))
        self.start = int(drawn.offsets[first])
        self.world = world
        self.drawn = drawn
        self.offsets = drawn.offsets[first:] - self.start
        owner = np.repeat(np.arange(len(drawn.user)), np.diff(drawn.offsets))
        self.users = drawn.user[owner]
        self.owner = owner[self.start :]
        self.article = drawn.article[self.start :]

    def auc(self, scores: NDArray[np.float64]) -> float:
        """Mean AUC in percent."""
        clicked = self.drawn.clicked[self.start :]
        found = impression_metrics(clicked, scores, self.offsets)["auc"]
        return float(100 * np.nanmean(found))

    def logits(self, world: World, aged: bool = True) -> NDArray[np.float64]:
        """Candidates' logits under another world; with `aged=False`, all are equally old."""
        published = world.articles.published[self.article]
        time = self.drawn.time[self.owner] if aged else published + DAY
        domains = {name: codes[self.owner] for name, codes in self.drawn.domains.items()}
        return click_logits(world, self.users[self.start :], domains, self.article, time)

    def counted_tastes(self) -> NDArray[np.float64]:
        """Scores from tastes counted in each reader's newest earlier clicks."""
        articles = self.world.articles
        assert articles.sentiment is not None  # titles are generated
        kinds = {
            "category": articles.category,
            "desk": articles.category * 3 + articles.desk,
            "sentiment": articles.sentiment,
        }
        earlier = np.flatnonzero(self.drawn.clicked[: self.start])
        readers = self.users[earlier]
        order = np.argsort(readers, kind="stable")
        readers, clicks = readers[order], self.drawn.article[earlier][order]
        counts = np.bincount(readers, minlength=self.world.config.users)
        newest = np.cumsum(counts)[readers] - 1 - np.arange(len(readers)) < _HISTORY
        readers, clicks = readers[newest], clicks[newest]
        counts = np.bincount(readers, minlength=len(counts))
        score = np.zeros(len(self.article))
        for name, kind in kinds.items():
            size = int(kind.max()) + 1
            shown = np.bincount(kind[self.drawn.article], minlength=size)
            liked = np.bincount(kind[clicks], minlength=size) / len(clicks)
            table = np.zeros((len(counts), size))
            np.add.at(table, (readers, kind[clicks]), 1)
            k = _SMOOTHING[name]
            taste = np.log((table + k * liked) / (counts[:, None] + k) / (shown / shown.sum()))
            weight = 0.3 if name == "category" else 1.0  # a desk implies its category
            score += weight * taste[self.users[self.start :], kind[self.article]]
        return score


def measure(seed: int) -> dict[str, float]:
    """AUC of each score, by name, in one world."""
    world = World.create(NewsroomConfig(impressions=_IMPRESSIONS.value, seed=seed))
    drawn = draw_impressions(world)
    log, last = Log(world, drawn, 0), Log(world, drawn, world.config.days - 1)
    blind = dataclasses.replace(world, config=dataclasses.replace(world.config, shift=0.0))
    tastes = ("category", "desk", "sentiment")
    nobody = dataclasses.replace(blind, readers=zeroed(blind.readers, *tastes))
    nothing = dataclasses.replace(
        zeroed(nobody, "liked", "fame"), articles=zeroed(world.articles, "appeal")
    )
    told = dataclasses.replace(blind, articles=nothing.articles)
    without_mood = dataclasses.replace(told, readers=zeroed(told.readers, "sentiment"))
    categories = dataclasses.replace(
        zeroed(told, "fame"), readers=zeroed(told.readers, "desk", "sentiment")
    )
    return {
        "appeal that all readers agree on": log.auc(log.logits(nobody, aged=False)),
        "age alone": log.auc(log.logits(nothing)),
        "category tastes, known": log.auc(log.logits(categories, aged=False)),
        "title and reader, known": log.auc(log.logits(told, aged=False)),
        "the same without sentiment": log.auc(log.logits(without_mood, aged=False)),
        "everything but section and device": log.auc(log.logits(blind)),
        "oracle": log.auc(drawn.truth[log.start :]),
        "oracle, last day": last.auc(drawn.truth[last.start :]),
        "tastes counted in 50 clicks, last day": last.auc(last.counted_tastes()),
    }


def main(arguments: list[str]) -> None:
    """Prints the table of `docs/newsroom.md`."""
    if len(arguments) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(arguments[1:])}")
    found = [measure(seed) for seed in range(_SEEDS.value)]
    for name in found[0]:
        values = [result[name] for result in found]
        print(f"{name:40s} {np.mean(values):5.1f}  ({min(values):.1f} to {max(values):.1f})")


if __name__ == "__main__":
    app.run(main)

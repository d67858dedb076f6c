"""Titles of a newsroom, generated from words or given by the caller."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from tfrec_mt.data.news.sources.newsroom.lexicon import (
    DESKS,
    FAMILY,
    FEELINGS,
    GIVEN,
    NOISE,
    TEMPLATES,
)
from tfrec_mt.schema import DataError

# Chance that a topic word is from the title's own desk, or from another desk of its category;
# otherwise it is from a desk of another category.
OWN_DESK: Final = 0.65
SAME_CATEGORY: Final = 0.15
# Chance that a feeling is the title's own; otherwise it is any of the three.
OWN_FEELING: Final = 0.75
ENTITIES_PER_CATEGORY: Final = 12
DESKS_PER_CATEGORY: Final = 3

_WORDS = np.array([[desk.split() for desk in desks] for desks in DESKS.values()], object)
_FEELINGS = np.array([words.split() for words in FEELINGS], object)
_NOISE = np.array(NOISE.split(), object)


@dataclass(frozen=True)
class RealTitles:
    """Titles `[n]` and their category names `[n]`, none empty, for a generated world."""

    titles: Sequence[str]
    categories: Sequence[str]

    def __post_init__(self) -> None:
        if not self.titles or len(self.titles) != len(self.categories):
            raise DataError(
                "real titles: expected titles and as many categories, "
                f"got {len(self.titles)} and {len(self.categories)}"
            )
        empty = [
            row
            for row, pair in enumerate(zip(self.titles, self.categories, strict=True), start=1)
            if not all(text and text.strip() for text in pair)
        ]
        if empty:
            raise DataError(f"real titles, row {empty[0]}: expected a title and a category")

    @classmethod
    def of_articles(cls, articles: pa.Table) -> "RealTitles":
        """The articles of a news source that have a title and a category."""
        frame = pl.DataFrame(articles.select(["title", "category"]))
        whole = frame.drop_nulls().filter(pl.all_horizontal(pl.all().str.strip_chars() != ""))
        return cls(whole["title"].to_list(), whole["category"].to_list())


def write_titles(
    category: NDArray[np.int64],
    desk: NDArray[np.int64],
    sentiment: NDArray[np.int64],
    entity: NDArray[np.int64],
    names: Sequence[str],
    rng: np.random.Generator,
) -> tuple[list[str], NDArray[np.bool_]]:
    """Writes a title for each article.

    Args:
      category: `[A]` subject of the title.
      desk: `[A]` part of the category.
      sentiment: `[A]` its mood.
      entity: `[A]` the entity that the title may name.
      names: Names of the entities.
      rng: Random generator.

    Returns:
      The titles, and whether each names its entity, bool `[A]`.
    """
    template = rng.integers(0, len(TEMPLATES), len(category))
    titles = np.empty(len(category), object)
    named = np.zeros(len(category), bool)
    for number, pattern in enumerate(TEMPLATES):
        rows = np.flatnonzero(template == number)
        slots = []
        pieces = pattern.replace("}", "{").split("{")
        for place, piece in enumerate(pieces):
            if place % 2 == 0:
                slots.append(pl.repeat(piece, len(rows), eager=True, dtype=pl.String))
                continue
            if piece == "t":
                words = _topic_words(category[rows], desk[rows], rng)
            elif piece == "s":
                words = _feelings(sentiment[rows], rng)
            elif piece == "n":
                words = _NOISE[rng.integers(0, len(_NOISE), len(rows))]
            else:
                words = np.array(names, object)[entity[rows]]
                named[rows] = True
            slots.append(pl.Series(words.tolist(), dtype=pl.String))
        frame = pl.DataFrame([slot.alias(str(place)) for place, slot in enumerate(slots)])
        text = frame.select(pl.concat_str(pl.all())).to_series()
        text = text.str.slice(0, 1).str.to_uppercase() + text.str.slice(1)
        titles[rows] = text.to_list()
    return titles.tolist(), named


def entity_names(count: int) -> tuple[str, ...]:
    """Distinct names of people."""
    given, family = GIVEN.split(), FAMILY.split()
    return tuple(
        f"{given[number % len(given)]} {family[(number // len(given) + number) % len(family)]}"
        for number in range(count)
    )


def _topic_words(
    category: NDArray[np.int64], desk: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.object_]:
    """A topic word for each title."""
    categories, desks, words = _WORDS.shape
    chance = rng.random(len(category))
    other_desk = (desk + rng.integers(1, desks, len(desk))) % desks
    any_desk = rng.integers(0, desks, len(desk))
    other = (category + rng.integers(1, categories, len(category))) % categories
    inside = chance < OWN_DESK + SAME_CATEGORY
    return np.asarray(
        _WORDS[
            np.where(inside, category, other),
            np.where(chance < OWN_DESK, desk, np.where(inside, other_desk, any_desk)),
            rng.integers(0, words, len(category)),
        ]
    )


def _feelings(sentiment: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.object_]:
    """A feeling for each title."""
    kinds, words = _FEELINGS.shape
    own = rng.random(len(sentiment)) < OWN_FEELING
    kind = np.where(own, sentiment, rng.integers(0, kinds, len(sentiment)))
    return np.asarray(_FEELINGS[kind, rng.integers(0, words, len(sentiment))])

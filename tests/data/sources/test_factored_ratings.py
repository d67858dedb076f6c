"""What rows are told of factorised ratings, and what must not reach them."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.real_folders import real_folder
from tfrec_mt.data.hashing import derived_seed
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.source import Chunk, Source
from tfrec_mt.data.sources.factored_ratings import EXPECTED_RATING, FactoredRatings
from tfrec_mt.data.sources.movielens import MovieLensSource
from tfrec_mt.data.sources.rating_factors import FactorSettings, RatingFactors
from tfrec_mt.data.splits import Split, SplitSpec
from tfrec_mt.metrics.auc import auc
from tfrec_mt.schema import (
    CategoricalFeature,
    Keys,
    NumericFeature,
    Schema,
    SchemaError,
    Vocabulary,
    click_tasks,
)

ROWS = 400
RANDOM = SplitSpec.parse("train:3,test:1", "random")
TIME = SplitSpec.parse("train:3,test:1", "time")
SETTINGS = FactorSettings(width=2, sweeps=2)
FEATURE = CategoricalFeature(name="movie", vocabulary="movie", side="item")


class Stars(Source):
    """Ratings in two chunks."""

    def __init__(self, stars: np.ndarray | None = None) -> None:
        rng = np.random.default_rng(0)
        drawn = rng.integers(1, 6, ROWS)
        self.frame = pl.DataFrame(
            {
                "user": rng.integers(0, 20, ROWS),
                "movie": [f"m{number}" for number in rng.integers(0, 15, ROWS)],
                "rating": drawn if stars is None else stars,
                "time": rng.permutation(ROWS),
            }
        ).with_columns((pl.col("rating") > 3).cast(pl.UInt8).alias("click"))

    @property
    def schema(self) -> Schema:
        return Schema(
            vocabularies=(Vocabulary(name="movie"),),
            features=(FEATURE,),
            tasks=click_tasks("click"),
            keys=Keys(user="user", item="movie", timestamp="time"),
        )

    def chunks(self) -> Iterator[Chunk]:
        for first in (0, ROWS // 2):
            yield Chunk(self.frame[first : first + ROWS // 2].to_arrow(), "stars", first + 1)


def _expected(source: Source, split: SplitSpec = RANDOM, folds: int = 4) -> np.ndarray:
    told = FactoredRatings(source, split, seed=3, folds=folds, settings=SETTINGS)
    columns = [chunk.table[EXPECTED_RATING].to_numpy() for chunk in told.chunks()]
    return np.concatenate(columns)


def _in_first_part(split: SplitSpec, tmp_path: Path) -> np.ndarray:
    """Which rows `prepare` puts into the first part, by their time, which is unique."""
    dataset = prepare(Stars(), tmp_path / "data", split, seed=3)
    times = np.concatenate([shard["keys/timestamp"].read() for shard in dataset.shards("train")])
    return np.isin(Stars().frame["time"].to_numpy(), times)


@pytest.mark.parametrize("split", [RANDOM, TIME], ids=["random", "time"])
def test_rows_of_other_parts_are_told_what_all_of_the_first_says(
    split: SplitSpec, tmp_path: Path
) -> None:
    first = _in_first_part(split, tmp_path)
    frame = Stars().frame
    users = frame["user"].to_numpy()
    movies = np.unique(frame["movie"].to_numpy(), return_inverse=True)[1]
    stars = frame["rating"].to_numpy().astype(np.float32)
    settings = dataclasses.replace(SETTINGS, seed=derived_seed(3, "factors", 0))
    factors = RatingFactors(users[first], movies[first], stars[first], 20, 15, settings)
    expected = factors.rating(users[~first], movies[~first])
    np.testing.assert_array_equal(_expected(Stars(), split)[~first], expected)


@pytest.mark.parametrize("split", [RANDOM, TIME], ids=["random", "time"])
def test_ratings_of_other_parts_reach_nobody(split: SplitSpec, tmp_path: Path) -> None:
    first = _in_first_part(split, tmp_path)
    stars = Stars().frame["rating"].to_numpy()
    changed = np.where(first, stars, 6 - stars)
    np.testing.assert_array_equal(_expected(Stars(changed), split), _expected(Stars(), split))


def test_a_rows_own_rating_does_not_reach_it(tmp_path: Path) -> None:
    first = _in_first_part(RANDOM, tmp_path)
    stars = Stars().frame["rating"].to_numpy()
    before = _expected(Stars())
    for row in np.flatnonzero(first)[:5]:
        changed = stars.copy()
        changed[row] = 6 - stars[row] if stars[row] != 3 else 1
        after = _expected(Stars(changed))
        assert after[row] == before[row]
        assert (after != before).any()


def test_the_feature_is_a_number_of_the_items_side() -> None:
    told = FactoredRatings(Stars(), RANDOM, settings=SETTINGS)
    feature = told.schema.feature(EXPECTED_RATING)
    assert isinstance(feature, NumericFeature)
    assert (feature.side, feature.buckets) == ("item", None)
    assert [c.table.num_rows for c in told.chunks()] == [ROWS // 2, ROWS // 2]
    assert [c.table for c in told.chunks()] == [c.table for c in told.chunks()]


def test_rows_are_divided_as_they_were_factorised(tmp_path: Path) -> None:
    assert Stars().default_split.kind == "time"
    split = prepare(FactoredRatings(Stars(), RANDOM, seed=3), tmp_path / "data", seed=3).manifest
    assert (split.split.kind, split.split.parts) == ("random", "train:3,test:1")


class Unrated(Stars):
    """Clicks without the ratings."""

    def chunks(self) -> Iterator[Chunk]:
        for chunk in super().chunks():
            yield dataclasses.replace(chunk, table=chunk.table.drop_columns("rating"))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="folds must be at least 2, got 1"):
        FactoredRatings(Stars(), RANDOM, folds=1)
    with pytest.raises(SchemaError, match="has a column 'expected_rating' already"):
        FactoredRatings(FactoredRatings(Stars(), RANDOM), RANDOM)
    with pytest.raises(SchemaError, match=r"split 'request' needs keys\.request"):
        FactoredRatings(Stars(), SplitSpec.parse("train:3,test:1", "request"))
    with pytest.raises(SchemaError, match=r"stars: expected the columns .*got no \['rating'\]"):
        next(FactoredRatings(Unrated(), RANDOM).chunks())


@pytest.mark.real_data
def test_real_ratings_are_told_as_well_in_the_first_part_as_in_others() -> None:
    folder = real_folder("movielens_100k")
    source = MovieLensSource(folder, "100k", history=False, ratings=True)
    frame = pl.concat(
        pl.DataFrame(chunk.table) for chunk in FactoredRatings(source, RANDOM).chunks()
    )
    first = Split(RANDOM).assign(np.arange(frame.height)) == 0
    clicks, expected = frame["click"].to_numpy(), frame[EXPECTED_RATING].to_numpy()
    told = [auc(clicks[rows], expected[rows]) for rows in (first, ~first)]
    assert told[1] > 0.78
    # a rating that had a part in its own feature would show here
    assert told[0] == pytest.approx(told[1], abs=0.01)

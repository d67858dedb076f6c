"""`MovieLensSource`: movie ratings read as clicks and conversions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from tfrec_mt.data.raw_columns import Place
from tfrec_mt.data.source import Chunk, Source
from tfrec_mt.data.sources.movielens.files import COLUMNS, Variant, open_movielens
from tfrec_mt.schema import (
    CategoricalFeature,
    DataError,
    History,
    Keys,
    Schema,
    Topic,
    Vocabulary,
    click_tasks,
)

_MOST_GENRES = 6  # of one movie, in both data sets
_AGE_DOMAINS = ("young", "adult", "senior")
_AGE_GROUPS = (1, 18, 25, 35, 45, 50, 56)  # their lower ends, as in MovieLens-1M
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_PARTS = ("night", "morning", "afternoon", "evening")  # six hours each, from midnight UTC


class MovieLensSource(Source):
    """MovieLens-1M or -100K as a click log, as multi-domain studies read it.

    A rating above 3 is a click, a rating of 5 a conversion. Features are those of the published
    protocol: user id, gender, age group, occupation and zip code; movie id and genres. The topic
    `age_domain` is `young` (below 25), `adult` (25 to 34) or `senior` (35 and above). Ratings with
    a time also have the topics `weekday` and `day_part` (six hours each, UTC), and ages of history
    elements.

    Args:
      data_dir: Folder of the unpacked files. `"1m"`: `users.dat`, `movies.dat`, and
        `ratings.csv.gz` (user_id, movie_id, rating, perhaps timestamp and fold) or `ratings.dat`.
        `"100k"`: `u.data`, `u.user`, `u.item`, `u.genre`. A `fold` column is passed on with the
        rows and is not part of the schema.
      variant: `"1m"` or `"100k"`.
      history: Whether rows see their user's clicks, which the published protocol does not have.
      ratings: Whether the ratings are passed on, as a column that is not part of the schema.

    Raises:
      DataError: A file is missing or a line is malformed; a rating is not 1 to 5, or of a user or
        movie that the other files lack.

    Reference:
      Harper and Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 2015;
      protocol of the Scenario-Wise Rec benchmark, arXiv:2412.17374, 2024.
    """

    def __init__(
        self,
        data_dir: str | Path,
        variant: Variant = "1m",
        history: bool = True,
        ratings: bool = False,
    ) -> None:
        if variant not in ("1m", "100k"):
            raise ValueError(f"variant must be '1m' or '100k', got {variant!r}")
        files = open_movielens(Path(data_dir), variant)
        self._ratings = files.ratings
        self._users = _describe_users(files.users)
        self._movies = _check_genres(files.movies)
        schema = _schema(timed="timestamp" in files.ratings.columns)
        self._schema = schema if history else replace(schema, history=None)
        self._dropped = () if ratings else ("rating",)

    @property
    def schema(self) -> Schema:
        return self._schema

    def chunks(self) -> Iterator[Chunk]:
        for place, ratings in self._ratings.read():
            stars = ratings["rating"]
            place.refuse(~stars.is_between(1, 5), stars, COLUMNS["rating"], "a rating from 1 to 5")
            frame = _join(ratings, self._users, "user_id", place)
            frame = _join(frame, self._movies, "movie_id", place)
            frame = frame.drop(self._dropped).with_columns(
                (stars > 3).cast(pl.UInt8).alias("click"),
                (stars == 5).cast(pl.UInt8).alias("conversion"),
            )
            if self._schema.keys.timestamp:
                frame = frame.with_columns(_weekday_and_day_part())
            yield Chunk(frame.to_arrow(), place.file, place.first_row)


def _schema(timed: bool) -> Schema:
    strings = ("gender", "occupation", "zip", "genre")
    user = {"user_id": "user", **{name: name for name in ("gender", "age", "occupation", "zip")}}
    by_time = (Topic(name="weekday", domains=_WEEKDAYS), Topic(name="day_part", domains=_DAY_PARTS))
    return Schema(
        vocabularies=(
            *(Vocabulary(name=name, dtype="int64") for name in ("user", "age", "movie")),
            *(Vocabulary(name=name) for name in strings),
        ),
        features=(
            *(CategoricalFeature(name=n, vocabulary=v, side="user") for n, v in user.items()),
            CategoricalFeature(name="movie_id", vocabulary="movie", side="item"),
            CategoricalFeature(
                name="genres", vocabulary="genre", side="item", max_values=_MOST_GENRES
            ),
        ),
        tasks=click_tasks("click", "conversion"),
        keys=Keys(user="user_id", item="movie_id", timestamp="timestamp" if timed else None),
        history=History(elements=("movie_id",), short=50, time_gaps=timed),
        topics=(Topic(name="age_domain", domains=_AGE_DOMAINS), *(by_time if timed else ())),
    )


def _describe_users(users: pl.DataFrame) -> pl.DataFrame:
    """Turns ages into groups, the same for both variants, and gives each user a domain."""
    young, adult, senior = _AGE_DOMAINS
    age = users["age"]
    groups = pl.Series(_AGE_GROUPS)
    group = groups.gather(groups.search_sorted(age.clip(groups[0]), side="right") - 1)
    below_35 = pl.when(age < 25).then(pl.lit(young)).when(age < 35).then(pl.lit(adult))
    domain = below_35.otherwise(pl.lit(senior))
    return users.with_columns(group.alias("age"), domain.alias("age_domain"))


def _check_genres(movies: pl.DataFrame) -> pl.DataFrame:
    too_many = movies.filter(pl.col("genres").list.len() > _MOST_GENRES)
    if too_many.height:
        raise DataError(
            f"movie {too_many['movie_id'][0]}: expected at most {_MOST_GENRES} genres, "
            f"got {too_many['genres'][0].to_list()}"
        )
    return movies


def _join(ratings: pl.DataFrame, other: pl.DataFrame, key: str, place: Place) -> pl.DataFrame:
    """Adds what is known about the row's user or movie."""
    ids = ratings[key]
    unknown = ~ids.is_in(other[key].implode())
    place.refuse(unknown, ids, COLUMNS[key], "an id that has its own line in the other file")
    return ratings.join(other, on=key, how="left", maintain_order="left")


def _weekday_and_day_part() -> list[pl.Expr]:
    time = pl.from_epoch("timestamp", time_unit="s")
    codes = {"weekday": time.dt.weekday() - 1, "day_part": time.dt.hour() // 6}
    names = {"weekday": _WEEKDAYS, "day_part": _DAY_PARTS}
    return [
        code.replace_strict(dict(enumerate(names[name])), return_dtype=pl.String).alias(name)
        for name, code in codes.items()
    ]

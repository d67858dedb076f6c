"""The files of MovieLens-1M and -100K, read into one set of tables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from tfrec_mt.data.casting import cast_column
from tfrec_mt.data.raw_columns import Column, Place
from tfrec_mt.schema import DataError
from tfrec_mt.tables.delimited import check_columns, delimited_columns, read_delimited

Variant = Literal["1m", "100k"]

_RATING_COLUMNS = ("user_id", "movie_id", "rating")
COLUMNS = {
    "user_id": Column("user_id", "int64", private=True),
    "age": Column("age", "int64"),
    "movie_id": Column("movie_id", "int64"),
    "rating": Column("rating", "int64"),
    "timestamp": Column("timestamp", "timestamp"),
    "fold": Column("fold", "int64"),
}


@dataclass(frozen=True)
class RatingsFile:
    """The file of ratings, and how its lines are cut.

    Args:
      path: The file.
      delimiter: One character between fields.
      columns: Columns to read: user_id, movie_id, rating, then timestamp or fold where present.
      names: All fields of a file without a header; None where it has one.
    """

    path: Path
    delimiter: str
    columns: tuple[str, ...]
    names: tuple[str, ...] | None

    def read(self) -> Iterator[tuple[Place, pl.DataFrame]]:
        """Frames of Int64 columns in file order, each with its place in the file."""
        first_row = 1
        for text in read_delimited(
            self.path, self.columns, delimiter=self.delimiter, names=self.names
        ):
            place = Place(str(self.path), first_row)
            yield place, _typed(text, place)
            first_row += text.height


@dataclass(frozen=True)
class MovieLensFiles:
    """The three tables of a MovieLens folder.

    Args:
      users: user_id (Int64, distinct), gender (String), age (Int64: years, or the lower end of a
        group), occupation and zip (String).
      movies: movie_id (Int64, distinct), genres (list of String).
      ratings: The large table, not read yet.
    """

    users: pl.DataFrame
    movies: pl.DataFrame
    ratings: RatingsFile


def open_movielens(folder: Path, variant: Variant) -> MovieLensFiles:
    """Reads users and movies, and finds the ratings.

    Raises:
      DataError: A file is missing, or a line does not hold the expected fields.
    """
    if variant == "1m":
        return MovieLensFiles(
            _users(folder / "users.dat", "::", ("user_id", "gender", "age", "occupation", "zip")),
            _movies_1m(folder / "movies.dat"),
            _ratings_1m(folder),
        )
    names = (*_RATING_COLUMNS, "timestamp")
    return MovieLensFiles(
        _users(folder / "u.user", "|", ("user_id", "age", "gender", "occupation", "zip")),
        _movies_100k(folder / "u.item", folder / "u.genre"),
        RatingsFile(_existing(folder / "u.data"), "\t", names, names),
    )


def _ratings_1m(folder: Path) -> RatingsFile:
    table = folder / "ratings.csv.gz"
    if not table.exists():
        # `::` is the delimiter; `:` with nameless fields in between amounts to the same.
        names = ("user_id", "", "movie_id", "", "rating", "", "timestamp")
        columns = (*_RATING_COLUMNS, "timestamp")
        return RatingsFile(_existing(folder / "ratings.dat"), ":", columns, names)
    check_columns(table, _RATING_COLUMNS, ",")
    found = delimited_columns(table, ",")
    extra = tuple(name for name in ("timestamp", "fold") if name in found)
    return RatingsFile(table, ",", (*_RATING_COLUMNS, *extra), None)


def _users(path: Path, delimiter: str, names: Sequence[str]) -> pl.DataFrame:
    lines = _lines(path, delimiter, len(names))
    users = pl.DataFrame(lines, schema=dict.fromkeys(names, pl.String), orient="row")
    return _typed(users, Place(str(path), 1), distinct="user_id")


def _movies_1m(path: Path) -> pl.DataFrame:
    lines = _lines(path, "::", 3)
    return _movies(path, [line[0] for line in lines], [line[2].split("|") for line in lines])


def _movies_100k(path: Path, genre_path: Path) -> pl.DataFrame:
    # Five fields about the movie, then one 0/1 flag for each line of the genre file.
    names = [name for name, _ in _lines(genre_path, "|", 2)]
    lines = _lines(path, "|", 5 + len(names))
    genres = [
        [name for name, flag in zip(names, line[5:], strict=True) if flag == "1"] for line in lines
    ]
    return _movies(path, [line[0] for line in lines], genres)


def _movies(path: Path, ids: list[str], genres: list[list[str]]) -> pl.DataFrame:
    movies = pl.DataFrame(
        {"movie_id": ids, "genres": genres},
        schema={"movie_id": pl.String(), "genres": pl.List(pl.String)},
    )
    return _typed(movies, Place(str(path), 1), distinct="movie_id")


def _typed(text: pl.DataFrame, place: Place, distinct: str | None = None) -> pl.DataFrame:
    """Casts the columns that are not text; none of their values may be missing."""
    frame = text
    for name in (name for name in text.columns if name in COLUMNS):
        column = COLUMNS[name]
        values = cast_column(text[name], column, place)
        place.refuse(values.is_null(), values, column, column.expected)
        frame = frame.with_columns(values)
    if distinct:
        ids = frame[distinct]
        again = ~ids.is_first_distinct()
        place.refuse(again, ids, COLUMNS[distinct], "an id that no earlier row has")
    return frame


def _lines(path: Path, delimiter: str, fields: int) -> list[list[str]]:
    """All lines of a small latin-1 file, cut into fields."""
    text = _existing(path).read_bytes().decode("latin-1")
    lines = [line.rstrip("\r").split(delimiter) for line in text.split("\n") if line.strip()]
    for row, line in enumerate(lines, start=1):
        if len(line) != fields:
            raise DataError(
                f"{path}, row {row}: expected {fields} fields between {delimiter!r}, "
                f"got {len(line)}"
            )
    if not lines:
        raise DataError(f"{path}: expected rows, the file is empty")
    return lines


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise DataError(
            f"{path} does not exist; expected the unpacked files of the MovieLens data set in "
            f"{path.parent}"
        )
    return path

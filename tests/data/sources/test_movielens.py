import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.real_folders import real_folder
from tfrec_mt.data.preparation.validation import check_chunk
from tfrec_mt.data.sources.movielens import MovieLensSource
from tfrec_mt.schema import CategoricalFeature, DataError

USERS = "1::F::1::10::04821\n2::M::25::16::70072-1\n3::M::35::0::10003\n4::F::18::4::55105\n"
MOVIES = (
    "10::Am\u00e9lie: the film (2001)::Comedy|Romance\n"
    "11::Plain (1990)::Drama\n"
    "12::Much of Everything (1999)::Action|Adventure|Comedy|Drama|Musical|War\n"
)
RATINGS = [(1, 10, 5, 0), (1, 11, 3, 1), (2, 12, 4, 2), (3, 10, 1, 3), (4, 12, 5, 4)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "users.dat").write_text(USERS, encoding="latin-1")
    (tmp_path / "movies.dat").write_text(MOVIES, encoding="latin-1")
    lines = ["user_id,movie_id,rating,fold", *(",".join(map(str, row)) for row in RATINGS)]
    (tmp_path / "ratings.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))
    return tmp_path


@pytest.fixture
def folder_100k(tmp_path: Path) -> Path:
    (tmp_path / "u.user").write_text(
        "1|24|M|technician|85711\n2|25|F|other|V3N4P\n3|35|M|writer|02139\n4|7|M|student|02139\n"
    )
    (tmp_path / "u.genre").write_text("unknown|0\nAction|1\nComedy|2\n\n")
    (tmp_path / "u.item").write_text(
        "10|Caf\u00e9 (1990)|01-Jan-1990||http://x|0|1|1\n11|unknown||||1|0|0\n", encoding="latin-1"
    )
    times = [datetime(1998, 1, 5, 0, 0, tzinfo=UTC), datetime(1998, 1, 11, 23, 59, tzinfo=UTC)]
    first, last = (int(time.timestamp()) for time in times)
    (tmp_path / "u.data").write_text(
        f"1\t10\t5\t{first}\n2\t11\t4\t{last}\n3\t10\t3\t{last}\n4\t10\t1\t{first + 7 * 3600}\n"
    )
    return tmp_path


def _rows(source: MovieLensSource) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(chunk.table) for chunk in source.chunks()])


def _checked(source: MovieLensSource) -> pl.DataFrame:
    return pl.concat([check_chunk(chunk, source.schema) for chunk in source.chunks()])


def test_1m_joins_users_and_movies_in_file_order(folder: Path) -> None:
    rows = _rows(MovieLensSource(folder))
    assert rows.select("user_id", "movie_id", "fold").rows() == [
        (user, movie, fold) for user, movie, _, fold in RATINGS
    ]
    assert rows["click"].to_list() == [int(rating > 3) for _, _, rating, _ in RATINGS]
    assert rows["conversion"].to_list() == [int(rating == 5) for _, _, rating, _ in RATINGS]
    assert rows["zip"].to_list() == ["04821", "04821", "70072-1", "10003", "55105"]
    assert rows["age"].to_list() == [1, 1, 25, 35, 18]
    assert rows["age_domain"].to_list() == ["young", "young", "adult", "senior", "young"]
    assert rows["genres"].to_list()[:3] == [
        ["Comedy", "Romance"],
        ["Drama"],
        ["Action", "Adventure", "Comedy", "Drama", "Musical", "War"],
    ]


def test_1m_schema_fits_its_rows_and_holds_no_label_in_disguise(folder: Path) -> None:
    source = MovieLensSource(folder)
    frame = _checked(source)
    assert frame.height == len(RATINGS)
    assert {feature.name for feature in source.schema.features}.isdisjoint({"rating", "fold"})
    assert source.schema.keys.timestamp is None
    assert source.schema.history is not None
    assert not source.schema.history.time_gaps
    assert "rating" not in _rows(source).columns


def test_stars_are_passed_on_and_histories_left_out_where_asked(folder: Path) -> None:
    source = MovieLensSource(folder, history=False, ratings=True)
    assert source.schema.history is None
    assert "rating" not in source.schema.columns
    assert _rows(source)["rating"].to_list() == [rating for _, _, rating, _ in RATINGS]


def test_1m_official_ratings_carry_time(folder: Path) -> None:
    (folder / "ratings.csv.gz").unlink()
    (folder / "ratings.dat").write_text("1::10::5::978300760\n3::12::2::978302109\n")
    source = MovieLensSource(folder)
    frame = _checked(source)
    assert frame.select("user_id", "movie_id", "click", "conversion", "timestamp").rows() == [
        (1, 10, 1, 1, 978300760),
        (3, 12, 0, 0, 978302109),
    ]
    assert [topic.name for topic in source.schema.topics] == ["age_domain", "weekday", "day_part"]
    assert source.schema.history is not None
    assert source.schema.history.time_gaps


def test_100k_groups_ages_and_cuts_time(folder_100k: Path) -> None:
    frame = _checked(MovieLensSource(folder_100k, "100k"))
    assert frame["age"].to_list() == [18, 25, 35, 1]
    assert frame["age_domain"].to_list() == ["young", "adult", "senior", "young"]
    assert frame["weekday"].to_list() == ["monday", "sunday", "sunday", "monday"]
    assert frame["day_part"].to_list() == ["night", "evening", "evening", "morning"]
    assert frame["genres"].to_list()[:2] == [["Action", "Comedy"], ["unknown"]]
    assert frame["occupation"].to_list()[0] == "technician"


def test_chunks_repeat(folder: Path) -> None:
    source = MovieLensSource(folder)
    assert [c.table for c in source.chunks()] == [c.table for c in source.chunks()]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("users.dat", "1::F::1::10\n", r"users\.dat, row 1: expected 5 fields .* got 4"),
        ("users.dat", USERS + "5::F::x::1::1\n", r"users\.dat, row 5, column 'age'.* got 'x'"),
        ("users.dat", USERS + "1::F::1::1::1\n", r"users\.dat, row 5, column 'user_id'"),
        ("users.dat", USERS[len("1::F::1::10::04821\n") :], r"row 1, column 'user_id'"),
        ("movies.dat", "10::A (1990)::Drama\n", r"row 2, column 'movie_id'.* got 11"),
        ("movies.dat", MOVIES + "13::B::a|b|c|d|e|f|g\n", "movie 13: expected at most 6 genres"),
    ],
)
def test_bad_tables_are_named(folder: Path, file: str, text: str, message: str) -> None:
    (folder / file).write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=message):
        list(MovieLensSource(folder).chunks())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1::10::6::978300760", r"ratings\.dat, row 2, column 'rating'.*1 to 5, got 6"),
        ("1::10::x::978300760", r"ratings\.dat, row 2, column 'rating'.*got 'x'"),
        ("1::10::4", r"ratings\.dat, row 2: expected 7 fields, got 5"),
    ],
)
def test_bad_rating_is_named(folder: Path, line: str, message: str) -> None:
    (folder / "ratings.csv.gz").unlink()
    (folder / "ratings.dat").write_text(f"1::10::5::978300760\n{line}\n")
    with pytest.raises(DataError, match=message):
        list(MovieLensSource(folder).chunks())


def test_missing_file_and_column(folder: Path) -> None:
    (folder / "ratings.csv.gz").write_bytes(gzip.compress(b"user_id,movie_id,ratings\n1,10,5\n"))
    with pytest.raises(DataError, match="did you mean 'ratings'"):
        MovieLensSource(folder)
    (folder / "movies.dat").unlink()
    with pytest.raises(DataError, match=r"movies\.dat does not exist"):
        MovieLensSource(folder)


def test_unknown_variant() -> None:
    with pytest.raises(ValueError, match="'1m' or '100k', got '10m'"):
        MovieLensSource(".", "10m")  # type: ignore[arg-type]


@pytest.mark.real_data
def test_real_1m() -> None:
    source = MovieLensSource(real_folder("movielens_1m"))
    frame = _checked(source)
    assert frame.height == 1_000_209
    sizes = dict(frame["age_domain"].value_counts().rows())
    assert sizes == {"young": 210_747, "adult": 395_556, "senior": 393_906}
    assert frame["user_id"].n_unique() == 6_040
    genres = source.schema.feature("genres")
    assert isinstance(genres, CategoricalFeature)
    assert frame["genres"].list.len().max() == genres.max_values


@pytest.mark.real_data
def test_real_100k() -> None:
    source = MovieLensSource(real_folder("movielens_100k"), "100k")
    frame = _checked(source)
    assert frame.height == 100_000
    assert frame["user_id"].n_unique() == 943
    assert frame["click"].sum() == 55_375
    assert frame["conversion"].sum() == 21_201
    assert frame["genres"].list.len().max() == 6

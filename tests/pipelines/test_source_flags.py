"""Sources that flags name."""

import gzip
from pathlib import Path

import pytest

from tests.binaries import told
from tfrec_mt.data.catalog import make_source
from tfrec_mt.data.source import Source, chosen_split
from tfrec_mt.data.sources.factored_ratings import EXPECTED_RATING
from tfrec_mt.data.sources.takeout import TakeoutSource
from tfrec_mt.pipelines import prepare_data
from tfrec_mt.schema import DataError, SchemaError


def source_of(*arguments: str) -> Source:
    """The click log that flags name."""
    given = told(prepare_data.define, *arguments).given()
    source = make_source(given.pop("source", "takeout"), given)
    assert isinstance(source, Source)
    return source


def test_the_default_is_a_takeout_world() -> None:
    source = source_of("--drift=0.5", "--slots=5")
    assert isinstance(source, TakeoutSource)
    assert (source.config.rows, source.config.drift, source.config.slots) == (1_000_000, 0.5, 5)


@pytest.mark.parametrize("name", ["movielens", "hillstrom", "ali_ccp"])
def test_public_data_needs_a_folder(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TFREC_MT_DATA", raising=False)
    with pytest.raises(SchemaError, match=f"--source={name} needs --data_dir, or"):
        source_of(f"--source={name}")


@pytest.mark.parametrize(
    ("name", "file"), [("movielens", "movielens_1m"), ("hillstrom", "hillstrom_email")]
)
def test_the_variable_names_the_folder_above(
    name: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFREC_MT_DATA", str(tmp_path))
    with pytest.raises(DataError, match=f"{tmp_path}/{file}/"):
        source_of(f"--source={name}")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--source=logs", "--schema=s.json"), "--source=logs needs --files"),
        (("--source=logs", "--files=f.csv"), "--source=logs needs --schema"),
        (("--source=tfds:movielens",), "needs --schema"),
        (("--source=tfds",), "did you mean 'tfds:'"),
        (("--source=takeout:1",), "did you mean 'takeout'"),
    ],
)
def test_what_a_source_lacks_is_named(arguments: tuple[str, ...], named: str) -> None:
    with pytest.raises(SchemaError, match=named):
        source_of(*arguments)


def test_movielens_with_expected_ratings_and_without_histories(tmp_path: Path) -> None:
    (tmp_path / "users.dat").write_text("1::F::1::10::04821\n2::M::25::16::70072\n")
    (tmp_path / "movies.dat").write_text("10::A::Drama\n")
    ratings = "user_id,movie_id,rating\n" + "1,10,5\n2,10,3\n" * 20
    (tmp_path / "ratings.csv.gz").write_bytes(gzip.compress(ratings.encode()))
    given = ("--source=movielens", f"--data_dir={tmp_path}", "--split=random")
    assert source_of(*given).schema.history is not None
    source = source_of(*given, "--expected_rating", "--nohistory")
    assert chosen_split(source, "random") == source.default_split
    assert source.schema.history is None
    (chunk,) = source.chunks()
    liked, disliked = chunk.table[EXPECTED_RATING].to_numpy()[:2]
    assert liked > disliked

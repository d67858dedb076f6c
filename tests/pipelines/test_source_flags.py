"""Sources that flags name."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from absl import flags
from absl.testing import flagsaver

from tfrec_mt.data.sources.factored_ratings import EXPECTED_RATING
from tfrec_mt.pipelines import source_flags, split_flags
from tfrec_mt.schema import DataError, SchemaError


@pytest.fixture(autouse=True)
def parsed() -> Iterator[None]:
    assert split_flags  # prepare_data and demo have its flags
    with flagsaver.flagsaver():
        flags.FLAGS.mark_as_parsed()
        yield


@pytest.mark.parametrize("name", ["movielens", "hillstrom"])
def test_public_data_needs_a_folder(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TFREC_MT_DATA", raising=False)
    with (
        flagsaver.flagsaver(source=name),
        pytest.raises(SchemaError, match=f"--source={name} needs --data_dir, or"),
    ):
        source_flags.make_source()


@pytest.mark.parametrize(
    ("name", "file"), [("movielens", "movielens_1m"), ("hillstrom", "hillstrom_email")]
)
def test_the_variable_names_the_folder_above(
    name: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFREC_MT_DATA", str(tmp_path))
    with flagsaver.flagsaver(source=name), pytest.raises(DataError, match=f"{tmp_path}/{file}/"):
        source_flags.make_source()


def test_movielens_with_expected_ratings_and_without_histories(tmp_path: Path) -> None:
    (tmp_path / "users.dat").write_text("1::F::1::10::04821\n2::M::25::16::70072\n")
    (tmp_path / "movies.dat").write_text("10::A::Drama\n")
    ratings = "user_id,movie_id,rating\n" + "1,10,5\n2,10,3\n" * 20
    (tmp_path / "ratings.csv.gz").write_bytes(gzip.compress(ratings.encode()))
    given = {"source": "movielens", "data_dir": str(tmp_path), "split": "random"}
    with flagsaver.flagsaver(**given):
        assert source_flags.make_source().schema.history is not None
    with flagsaver.flagsaver(**given, expected_rating=True, history=False):
        source = source_flags.make_source()
        assert split_flags.split_spec(source) == source.default_split
    assert source.schema.history is None
    (chunk,) = source.chunks()
    liked, disliked = chunk.table[EXPECTED_RATING].to_numpy()[:2]
    assert liked > disliked

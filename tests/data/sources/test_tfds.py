from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow_datasets as tfds

from tfrec_mt.data.preparation.validation import check_chunk
from tfrec_mt.data.sources import tfds as tfds_source
from tfrec_mt.data.sources.tfds import TfdsSource
from tfrec_mt.schema import (
    CategoricalFeature,
    DataError,
    History,
    Keys,
    NumericFeature,
    Schema,
    SchemaError,
    Topic,
    Vocabulary,
    click_tasks,
)

RATINGS = Schema(
    vocabularies=(
        Vocabulary(name="user"),
        Vocabulary(name="movie"),
        Vocabulary(name="genre"),
        Vocabulary(name="occupation", dtype="int64"),
    ),
    features=(
        CategoricalFeature(name="user_id", vocabulary="user", side="user"),
        CategoricalFeature(name="user_occupation_label", vocabulary="occupation", side="user"),
        NumericFeature(name="bucketized_user_age", side="user"),
        CategoricalFeature(name="movie_id", vocabulary="movie", side="item"),
        CategoricalFeature(name="movie_genres", vocabulary="genre", side="item", max_values=50),
    ),
    tasks=click_tasks("click", "conversion"),
    keys=Keys(user="user_id", item="movie_id", timestamp="timestamp"),
    history=History(elements=("movie_id",), short=10, time_gaps=True),
    topics=(Topic(name="user_gender"),),
)
RATING_COLUMNS = {"click": "user_rating > 0.3", "conversion": "user_rating >= 0.5"}


@pytest.fixture
def mocked() -> Iterator[list[dict[str, Any]]]:
    """TFDS' own movielens with invented rows; the rows as TFDS gives them one by one."""
    read = ["user_rating", *(set(RATINGS.columns) - set(RATING_COLUMNS))]
    decoders = tfds.decode.PartialDecoding(dict.fromkeys(read, True))
    with tfds.testing.mock_data(num_examples=7):
        rows = tfds.load("movielens/1m-ratings", split="train", decoders=decoders)
        yield list(tfds.as_numpy(rows))


def _source(**options: Any) -> TfdsSource:
    return TfdsSource("movielens/1m-ratings", RATINGS, columns=RATING_COLUMNS, **options)


def test_movielens_equals_its_rows_read_one_by_one(
    mocked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tfds_source, "_CHUNK_ROWS", 3)
    source = _source()
    chunks = list(source.chunks())
    assert [(chunk.first_row, chunk.table.num_rows) for chunk in chunks] == [(1, 3), (4, 3), (7, 1)]
    frame = pl.concat([check_chunk(chunk, source.schema) for chunk in chunks])
    genres = tfds.builder("movielens/1m-ratings").info.features["movie_genres"].feature
    expected = [
        {
            "user_id": row["user_id"].decode(),
            "user_occupation_label": int(row["user_occupation_label"]),
            "bucketized_user_age": float(np.float32(row["bucketized_user_age"])),
            "movie_id": row["movie_id"].decode(),
            "movie_genres": [genres.int2str(genre) for genre in row["movie_genres"]],
            "user_gender": str(bool(row["user_gender"])).lower(),
            "click": int(row["user_rating"] > 0.3),
            "conversion": int(row["user_rating"] >= 0.5),
            "timestamp": int(row["timestamp"]),
        }
        for row in mocked
    ]
    assert frame.to_dicts() == expected
    assert 0 < frame["click"].sum() < frame.height


def test_chunks_repeat(mocked: list[dict[str, Any]]) -> None:
    source = _source()
    assert [c.table for c in source.chunks()] == [c.table for c in source.chunks()]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "the data set has no feature 'click'"),
        ({**RATING_COLUMNS, "click": "user_ratings > 3"}, "did you mean 'user_rating'"),
        ({**RATING_COLUMNS, "click": "user_rating > many"}, "comparison with a number"),
        ({**RATING_COLUMNS, "click": "user_rating => 3"}, "comparison with a number"),
        ({**RATING_COLUMNS, "click": "movie_genres > 3"}, "to name one value, it is"),
        ({**RATING_COLUMNS, "clik": "user_rating > 3"}, "did you mean 'click'"),
        ({**RATING_COLUMNS, "click": "user_rating/stars"}, "user_rating has no feature 'stars'"),
    ],
)
def test_bad_column_is_named(
    mocked: list[dict[str, Any]], columns: dict[str, str], message: str
) -> None:
    with pytest.raises(SchemaError, match=message):
        TfdsSource("movielens/1m-ratings", RATINGS, columns=columns)


def test_unknown_data_set_and_config(mocked: list[dict[str, Any]]) -> None:
    with pytest.raises(DataError, match="no data set 'movielns'; did you mean 'movielens'"):
        TfdsSource("movielns", RATINGS)
    with pytest.raises(DataError, match=r"'movielens/2m-ratings'.* 2m-ratings not found"):
        TfdsSource("movielens/2m-ratings", RATINGS)


def test_label_that_is_not_binary_names_the_row(mocked: list[dict[str, Any]]) -> None:
    source = TfdsSource(
        "movielens/1m-ratings", RATINGS, columns={**RATING_COLUMNS, "click": "timestamp"}
    )
    with pytest.raises(
        DataError, match=r"1m-ratings\[train\], row 1, column 'click'.*0, 1 or null"
    ):
        list(source.chunks())


class TinyLog(tfds.core.GeneratorBasedBuilder):
    """A data set with nested features, written and read by TFDS itself."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features
        return tfds.core.DatasetInfo(
            builder=self,
            features=features.FeaturesDict(
                {
                    "user": {"id": np.int64, "ages": features.Tensor(shape=(2,), dtype=np.int32)},
                    "shown": features.Sequence({"tag": features.Text()}),
                    "item": features.Text(),
                    "scene": features.ClassLabel(names=["home", "search"]),
                    "clicked": np.bool_,
                    "picture": features.Tensor(shape=(2, 2), dtype=np.float32),
                }
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for i in range(5):
            yield (
                i,
                {
                    "user": {"id": i, "ages": [i, 2 * i]},
                    "shown": {"tag": ["t"] * i},
                    "item": b"\xff" if i == 4 else f"item{i}",
                    "scene": -1 if i == 1 else i % 2,
                    "clicked": i % 2 == 0,
                    "picture": np.zeros((2, 2), np.float32),
                },
            )


@pytest.fixture(scope="module")
def tiny_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("importlib_resources", reason="TensorFlow Datasets needs it to write data")
    folder = tmp_path_factory.mktemp("tfds")
    TinyLog(data_dir=folder).download_and_prepare()
    return folder


def _tiny_schema(item: str) -> Schema:
    return Schema(
        vocabularies=(Vocabulary(name="tag"), Vocabulary(name="age", dtype="int64")),
        features=(
            CategoricalFeature(name="tags", vocabulary="tag", side="context", max_values=9),
            CategoricalFeature(name="ages", vocabulary="age", side="user", max_values=2),
        ),
        tasks=click_tasks("clicked"),
        keys=Keys(user="user/id", item=item),
        topics=(Topic(name="scene"),),
    )


TINY_COLUMNS = {"tags": "shown/tag", "ages": "user/ages"}


def test_nested_paths_of_a_written_data_set(tiny_dir: Path) -> None:
    source = TfdsSource(
        "tiny_log",
        _tiny_schema(item="number"),
        data_dir=tiny_dir,
        columns={**TINY_COLUMNS, "number": "user/id"},
    )
    frame = pl.concat([pl.DataFrame(chunk.table) for chunk in source.chunks()]).sort("user/id")
    assert frame.to_dict(as_series=False) == {
        "tags": [["t"] * i for i in range(5)],
        "ages": [[i, 2 * i] for i in range(5)],
        "scene": ["home", None, "home", "search", "home"],
        "clicked": [1, 0, 1, 0, 1],
        "user/id": list(range(5)),
        "number": list(range(5)),
    }


def test_bytes_that_are_no_text_are_refused(tiny_dir: Path) -> None:
    source = TfdsSource(
        "tiny_log", _tiny_schema(item="item"), data_dir=tiny_dir, columns=TINY_COLUMNS
    )
    with pytest.raises(DataError, match=r"tiny_log\[train\].* column 'item': expected UTF-8"):
        list(source.chunks())


def test_matrix_and_group_are_no_columns(tiny_dir: Path) -> None:
    for path in ("picture", "shown", "user"):
        with pytest.raises(SchemaError, match=f"expected '{path}' to name one value or a sequence"):
            TfdsSource(
                "tiny_log",
                _tiny_schema(item="item"),
                data_dir=tiny_dir,
                columns={**TINY_COLUMNS, "item": path},
            )


@pytest.mark.parametrize("split", ["test", "train[:0]"])
def test_split_that_is_not_there(tiny_dir: Path, split: str) -> None:
    source = TfdsSource(
        "tiny_log",
        _tiny_schema(item="item"),
        split=split,
        data_dir=tiny_dir,
        columns=TINY_COLUMNS,
    )
    with pytest.raises(DataError, match=r"tfds:tiny_log\[.*\]: cannot be read"):
        list(source.chunks())


def test_no_rows() -> None:
    with tfds.testing.mock_data(num_examples=0):
        source = _source()
        with pytest.raises(DataError, match="expected rows, found none"):
            list(source.chunks())

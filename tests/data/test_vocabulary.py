import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfrec_mt.data.preparation.growth import IdCounter, grow, no_ids
from tfrec_mt.data.vocabulary import IdTable, KeyTable
from tfrec_mt.schema import DataError, Vocabulary


def learned(vocabulary: Vocabulary, ids: pl.Series) -> IdTable:
    counter = IdCounter(vocabulary)
    for start in range(0, len(ids), 3):
        piece = ids.slice(start, 3)
        counter.add(piece, pl.Series([True] * len(piece)), pl.Series([0] * len(piece)))
    none = no_ids(vocabulary)
    kept, _, _ = grow(vocabulary, none, none, counter.counted(), 0)
    return IdTable(dataclasses.replace(vocabulary, size=len(kept)), kept)


def test_known_ids_come_by_falling_count_then_by_id() -> None:
    ids = pl.Series(["b", "a", "c", "b", None, "a", "d", "", "c", "c"])
    assert learned(Vocabulary(name="v"), ids).ids.to_list() == ["c", "a", "b", "d"]
    assert learned(Vocabulary(name="v", min_count=2), ids).ids.to_list() == ["c", "a", "b"]
    assert learned(Vocabulary(name="v", max_size=2), ids).ids.to_list() == ["c", "a"]
    assert learned(Vocabulary(name="v", max_size=0), ids).ids.to_list() == []


def test_a_vocabulary_that_sees_no_id_is_empty() -> None:
    assert len(learned(Vocabulary(name="v", dtype="int64"), pl.Series([], dtype=pl.Int64)).ids) == 0


def test_codes_are_missing_then_buckets_then_known() -> None:
    table = learned(Vocabulary(name="v", dtype="int64"), pl.Series([30, 10, 30, 20, -1, None]))
    # 30 occurs twice, 10 and 20 once; code 0 is missing and code 1 the bucket of unknown ids
    codes = table.encode(pl.Series([10, 99, None, -1, 30, 20]))
    assert codes.dtype == np.int32
    assert codes.tolist() == [3, 1, 0, 0, 2, 4]


@pytest.mark.parametrize("dtype", ["string", "int64"])
def test_the_graph_looks_up_the_same_codes_from_the_saved_file(dtype: str, tmp_path: Path) -> None:
    import tensorflow as tf

    integers = dtype == "int64"
    known = pl.Series(range(-5, 60) if integers else [f" id {i} ü" for i in range(60)])
    known = known.filter(known != -1) if integers else known
    vocabulary = Vocabulary(name="v", dtype="int64" if integers else "string", hash_buckets=7)
    table = learned(vocabulary, known)
    path = table.save(tmp_path)

    key_type = tf.int64 if integers else tf.string
    initializer = tf.lookup.TextFileInitializer(
        str(path),
        key_dtype=key_type,
        key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
        value_dtype=tf.int64,
        value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    lookup = tf.lookup.StaticHashTable(initializer, default_value=-1)
    rows = range(-40, 200) if integers else [f" id {i} ü" for i in range(100)]
    ids = [i for i in rows if i != -1]
    tensor = tf.constant(ids, key_type)
    texts = tf.strings.as_string(tensor) if integers else tensor
    line = lookup.lookup(tensor)
    codes = tf.where(line >= 0, 8 + line, 1 + tf.strings.to_hash_bucket_fast(texts, 7))

    assert table.encode(pl.Series(ids)).tolist() == codes.numpy().tolist()
    assert IdTable.load(tmp_path, table.vocabulary).ids.to_list() == table.ids.to_list()


@pytest.mark.parametrize("bad", ["a\nb", "a\r"])
def test_an_id_with_a_line_break_is_refused(bad: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="vocabulary 'v': ids must not contain line breaks"):
        learned(Vocabulary(name="v"), pl.Series(["x", bad])).save(tmp_path)


def test_a_vocabulary_file_of_another_length_is_refused(tmp_path: Path) -> None:
    table = learned(Vocabulary(name="v"), pl.Series(["x", "y"]))
    table.save(tmp_path).write_text("x\n")
    with pytest.raises(DataError, match=r"v.txt: expected 2 ids, as the schema says, got 1"):
        IdTable.load(tmp_path, table.vocabulary)


def test_users_get_dense_codes_over_all_parts() -> None:
    table = KeyTable([pl.Series(["u9", "u1"]), pl.Series(["u1", "u4"])])
    assert len(table) == 3
    assert table.encode(pl.Series(["u4", "u1", "u9"])).tolist() == [1, 0, 2]

"""Indexes of checkpoints, against TensorFlow's own reader and writer."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.errors import DataError
from tfrec_mt.storage.checkpoint_index import read_index, write_index
from tfrec_mt.storage.variables import save_tensors


@pytest.mark.parametrize("count", [1, 40, 9_000])  # TensorFlow begins a block every 256 KB
def test_an_index_is_read_and_written_as_tensorflow_does(count: int, tmp_path: Path) -> None:
    tensors = {f"layer_{n % 7}/weight_{n}": np.arange(n % 5, dtype=np.int32) for n in range(count)}
    save_tensors(tensors, tmp_path / "old")
    header, entries = read_index(tmp_path / "old.index")
    assert header.num_shards == 1 and entries.keys() == tensors.keys()
    assert all([d.size for d in entries[n].shape.dim] == [*v.shape] for n, v in tensors.items())

    write_index(tmp_path / "new.index", header, dict(reversed(entries.items())))
    (tmp_path / "old.data-00000-of-00001").rename(tmp_path / "new.data-00000-of-00001")
    reader = tf.train.load_checkpoint(str(tmp_path / "new"))
    assert reader.get_variable_to_shape_map().keys() == tensors.keys()
    for name, values in tensors.items():
        np.testing.assert_array_equal(reader.get_tensor(name), values)
    assert read_index(tmp_path / "new.index") == (header, entries)


def test_tensors_of_two_checkpoints_are_read_through_one_index(tmp_path: Path) -> None:
    tensors = {"a/x": np.arange(5.0), "b/y": np.ones((2, 3), np.float32), "a/z": np.array(7)}
    save_tensors({name: tensors[name] for name in ("a/x", "a/z")}, tmp_path / "left")
    save_tensors({"b/y": tensors["b/y"]}, tmp_path / "right")
    header, entries = read_index(tmp_path / "left.index")
    _, right = read_index(tmp_path / "right.index")
    header.num_shards = 2
    right["b/y"].shard_id = 1
    write_index(tmp_path / "all.index", header, entries | right)
    for place, name in enumerate(("left", "right")):
        data = tmp_path / f"{name}.data-00000-of-00001"
        data.rename(tmp_path / f"all.data-0000{place}-of-00002")
    reader = tf.train.load_checkpoint(str(tmp_path / "all"))
    for name, values in tensors.items():
        np.testing.assert_array_equal(reader.get_tensor(name), values)


@pytest.mark.fault_case("67")
def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    """A changed byte is found, wherever it is, unless nothing is read from it."""
    save_tensors({f"weight_{n}": np.arange(n) for n in range(30)}, tmp_path / "v")
    path = tmp_path / "v.index"
    whole, expected = path.read_bytes(), read_index(path)
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0x55
        path.write_bytes(changed)
        try:
            assert read_index(path) == expected
        except DataError as error:
            assert str(error).startswith(f"{path} is damaged: ")
    for size in (0, 1, 47, 48, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match="is damaged"):
            read_index(path)

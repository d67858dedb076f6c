import os
from pathlib import Path

import numpy as np
import pytest

from tfrec_mt.data.column_file import ColumnFile
from tfrec_mt.schema import DataError


def test_pieces_equal_those_of_the_array(tmp_path: Path) -> None:
    values = np.arange(60, dtype=np.int32).reshape(20, 3)
    np.save(tmp_path / "x.npy", values)
    column = ColumnFile.open(tmp_path / "x.npy")
    target = np.zeros((9, 3), np.int32)
    column.read_into(target[2:7], [(11, 14), (3, 5)])
    assert np.array_equal(target[2:7], values[[11, 12, 13, 3, 4]])
    assert not target[:2].any() and not target[7:].any()


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.arange(20))
    os.truncate(path, path.stat().st_size - 8)
    with pytest.raises(DataError, match=r"x\.npy: expected 288 bytes for int64 \[20\], got 280"):
        ColumnFile.open(path)
    os.truncate(path, 40)
    with pytest.raises(DataError, match=r"x\.npy: not a column file"):
        ColumnFile.open(path)


def test_a_file_that_shrinks_after_opening_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.arange(20))
    column = ColumnFile.open(path)
    os.truncate(path, path.stat().st_size - 16)
    with pytest.raises(DataError, match=r"x\.npy: ends 16 bytes short of row 20"):
        column.read_into(np.zeros(5, np.int64), [(15, 20)])


def test_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{}, None]), allow_pickle=True)
    with pytest.raises(DataError, match=r"x\.npy"):
        ColumnFile.open(tmp_path / "x.npy")

import os
from pathlib import Path

import numpy as np
import pytest

from tfrec_mt.evaluation.group_spill import GroupSpill

DTYPE = np.dtype([("user", np.int64), ("score", np.float32)])


def records(users: list[int], start: int = 0) -> np.ndarray:
    found = np.zeros(len(users), DTYPE)
    found["user"] = users
    found["score"] = np.arange(start, start + len(users))
    return found


@pytest.mark.parametrize("rows_in_memory", [10, 10_000])
def test_gives_every_row_back_once_with_groups_whole(rows_in_memory: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    spill = GroupSpill("user", rows_in_memory, tmp_path)
    users = rng.integers(-50, 50, 600)
    for start in range(0, 600, 7):
        spill.append(records(users[start : start + 7].tolist(), start))
    assert spill.on_disk == (rows_in_memory == 10)
    parts = [part for part in spill.parts() if part.size]
    together = np.concatenate(parts)
    assert sorted(together["score"]) == list(range(600))
    assert (users[together["score"].astype(int)] == together["user"]).all()
    seen = [set(part["user"].tolist()) for part in parts]
    assert sum(map(len, seen)) == len(set.union(*seen))
    assert len(parts) > 20 or not spill.on_disk
    spill.close()


def test_reading_between_two_writes_loses_nothing(tmp_path: Path) -> None:
    spill = GroupSpill("user", 1, tmp_path)
    spill.append(records([1, 2, 3]))
    assert sum(part.size for part in spill.parts()) == 3
    spill.append(records([1, 2, 3]))
    assert sum(part.size for part in spill.parts()) == 6


def test_leaves_no_file_behind(tmp_path: Path) -> None:
    spill = GroupSpill("user", 1, tmp_path)
    spill.append(records([1, 2, 3]))
    assert spill.on_disk
    assert os.listdir(tmp_path) == []


def test_is_empty_at_first() -> None:
    assert list(GroupSpill("user", 10).parts()) == []

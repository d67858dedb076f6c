"""A hundred days in a row on disk, each prepared from the one before."""

import dataclasses
import resource
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from tfrec_mt.storage.disk_space import size_of

ROWS, ALIVE, DAYS = 1_500, 200, 100
DAY = 86_400


def rows_of(day: int) -> pl.DataFrame:
    """Clicks of users and items of which a tenth is replaced each day."""
    random = np.random.default_rng(day)
    living = day * (ALIVE // 10)
    users, items = (random.integers(living, living + ALIVE, ROWS) for _ in range(2))
    return pl.DataFrame(
        {
            "user": users,
            "item": items,
            "price": random.random(ROWS),
            "time": np.sort(day * DAY + random.integers(0, DAY, ROWS)),
            "click": random.integers(0, 2, ROWS),
        }
    )


@pytest.mark.slow
def test_tables_files_and_memory_stay_as_large_as_they_are(tmp_path: Path) -> None:
    schema = mt.Schema.infer(rows_of(0), tasks=["click"], user="user", item="item", time="time")
    vocabularies = tuple(
        dataclasses.replace(one, min_count=2, evict_after=3) for one in schema.vocabularies
    )
    schema = dataclasses.replace(schema, vocabularies=vocabularies)
    assert schema.history is not None
    before: mt.PreparedDataset | None = None
    known, largest = dict[int, int](), 0
    sizes, peaks = [], []
    for day in range(DAYS):
        log = mt.prepare(
            rows_of(day),
            schema if before is None else None,
            tmp_path / str(day),
            like=before,
            split_parts="train:1",
        )
        ids = {id: code for code, id in enumerate(log.ids("user").to_list())}
        # an id keeps its row but where a table shrinks
        moved = {id for id in ids.keys() & known.keys() if ids[id] != known[id]}
        assert len(moved) <= max(0, len(known) - len(ids))
        assert all(day * (ALIVE // 10) - id <= 4 * (ALIVE // 10) for id in ids)
        known, largest = ids, max(largest, log.schema.vocabularies[0].size)
        sizes.append(size_of(log.path))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        if day:
            shutil.rmtree(tmp_path / str(day - 1))
        before = log
    assert len(known) > ALIVE / 2 and largest < 1.5 * ALIVE
    assert max(sizes[20:]) < 1.1 * max(sizes[10:20])
    assert peaks[-1] - peaks[20] < 50  # MB

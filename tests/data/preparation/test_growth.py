"""How ids come and go, against a plain dictionary and over long random streams."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from tfrec_mt.data.manifest import GrowthRecord
from tfrec_mt.data.preparation.growth import IdCounter, count_on, grow, no_ids
from tfrec_mt.schema import Vocabulary


def counted(
    vocabulary: Vocabulary, ids: list[int], day: int, first: int | None = None
) -> pl.DataFrame:
    counter = IdCounter(vocabulary)
    for start in range(0, len(ids), 5):
        piece = ids[start : start + 5]
        of_first = [first is None or start + place < first for place in range(len(piece))]
        counter.add(
            pl.Series(piece, dtype=pl.Int64), pl.Series(of_first), pl.Series([day] * len(piece))
        )
    return counter.counted()


class Days:
    """A vocabulary over some days."""

    def __init__(self, **rules: Any) -> None:
        self.vocabulary = Vocabulary(name="v", dtype="int64", **rules)
        self.known = self.waiting = no_ids(self.vocabulary)

    def add(self, ids: list[int], day: int, first: int | None = None) -> GrowthRecord:
        found = counted(self.vocabulary, ids, day, first)
        codes, carried, record = grow(self.vocabulary, self.known, self.waiting, found, day)
        self.known, self.waiting = carried.head(len(codes)), carried.slice(len(codes))
        assert self.known["id"].to_list() == codes.to_list()
        return record

    @property
    def ids(self) -> list[int]:
        return self.known["id"].to_list()


def test_kept_ids_keep_their_codes_and_new_ones_follow() -> None:
    days = Days()
    days.add([3, 3, 1, 2, 1, 3], 0)
    assert days.ids == [3, 1, 2]
    assert days.add([9, 2, 8, 9], 1) == GrowthRecord(
        kept=3, admitted=2, evicted=0, waiting=0, moved=0
    )
    assert days.ids == [3, 1, 2, 9, 8]


def test_an_admitted_id_takes_a_freed_code() -> None:
    days = Days(evict_after=2)
    days.add([1, 1, 2], 0)
    days.add([2, 3], 2)
    assert days.ids == [1, 2, 3]  # two days without a row are allowed
    assert days.add([4, 2], 3) == GrowthRecord(2, 1, 1, 0, 0)
    assert days.ids == [4, 2, 3]


def test_a_table_without_enough_new_ids_shrinks() -> None:
    days = Days(evict_after=1)
    days.add([1, 1, 1, 2, 2, 3, 3, 4, 5], 0)
    assert days.ids == [1, 2, 3, 4, 5]
    days.add([4, 5], 1)
    assert days.add([5, 4], 2) == GrowthRecord(kept=2, admitted=0, evicted=3, waiting=0, moved=2)
    assert days.ids == [4, 5]


def test_rows_of_earlier_days_count_towards_admission() -> None:
    days = Days(min_count=3)
    assert days.add([7, 7, 8], 0).waiting == 2
    assert days.ids == []
    days.add([7, 8], 1)
    assert days.ids == [7]


def test_rows_of_later_parts_count_from_the_next_day_on() -> None:
    days = Days(min_count=2)
    days.add([5, 5, 6, 6], 0, first=3)
    assert days.ids == [5]
    days.add([1], 1)
    assert days.ids == [5, 6]


def test_the_count_of_an_evicted_id_starts_anew() -> None:
    days = Days(min_count=2, evict_after=1)
    days.add([1, 1, 2], 0)
    days.add([3], 5)
    assert days.waiting["id"].to_list() == [3]  # neither 1 nor 2
    days.add([1, 2], 6)
    assert days.ids == []


def test_a_full_vocabulary_admits_as_many_as_leave() -> None:
    days = Days(max_size=2, evict_after=1)
    days.add([1, 1, 1, 2, 2, 3], 0)
    assert days.ids == [1, 2]
    assert days.add([1, 3, 4], 2) == GrowthRecord(kept=1, admitted=1, evicted=1, waiting=1, moved=0)
    assert days.ids == [1, 3]  # with two rows in all, 4 has one


def test_a_size_that_was_lowered_keeps_the_newest() -> None:
    days = Days()
    days.add([1, 1, 2, 3], 0)
    days.vocabulary = Vocabulary(name="v", dtype="int64", max_size=2)
    days.add([3, 2], 1)
    assert sorted(days.ids) == [2, 3]


def test_a_vocabulary_that_stays_counts_on() -> None:
    days = Days()
    days.add([1, 2], 0)
    found = counted(days.vocabulary, [2, 9, 9], 1)
    codes, carried, record = count_on(days.known, days.waiting, found)
    assert codes.to_list() == [1, 2]
    assert record == GrowthRecord(kept=2, admitted=0, evicted=0, waiting=1, moved=0)
    assert carried.rows() == [(1, 1, 0), (2, 2, 1), (9, 2, 1)]


def test_missing_ids_and_empty_bags_are_not_counted() -> None:
    vocabulary = Vocabulary(name="v", dtype="int64")
    counter = IdCounter(vocabulary)
    bags = pl.Series([[1, -1], [], None, [1, None, 2]], dtype=pl.List(pl.Int64))
    counter.add(bags, pl.Series([True, True, True, False]), pl.Series([4, 4, 4, 7]))
    rows = counter.counted().sort("id").select("id", "count", "seen", "first").rows()
    assert rows == [(1, 2, 7, 1), (2, 1, 7, 0)]


@pytest.mark.parametrize("seed", range(4))
def test_over_a_hundred_days_no_id_meets_another_ones_row(seed: int) -> None:
    """Each row of a table holds what its id has brought; a new id must find its row empty."""
    random = np.random.default_rng(seed)
    days = Days(min_count=int(random.integers(1, 4)), evict_after=3, max_size=30)
    table: dict[int, int] = {}  # the id whose row a code is
    seen: dict[int, int] = {}
    largest = 0
    for day in range(100):
        size = int(random.integers(0, 60)) * bool(random.random() < 0.9)
        ids = random.integers(day, day + 40, size).tolist()  # an id lives for forty days at most
        seen |= dict.fromkeys(ids, day)
        before = days.ids
        record = days.add(ids, day, first=int(0.8 * size))
        now = {code: i for code, i in enumerate(days.ids)}
        assert len(set(now.values())) == len(now) == record.kept + record.admitted <= 30
        assert record.kept + record.evicted == len(before)
        assert record.moved == sum(i in before and before.index(i) != c for c, i in now.items())
        assert {i for i in before if day - seen[i] <= 3} <= set(now.values())
        assert all(day - seen[i] <= 3 for i in now.values())
        assert days.waiting.height <= 160  # four days of sixty rows at most, minus the known ones
        largest = max(largest, len(now))
        table = now
    assert table and largest <= 30

import numpy as np
import pytest

from tfrec_mt.data.preparation.histories import FoldedIndex, TimedIndex
from tfrec_mt.schema import DataError

random = np.random.default_rng(0)


def test_a_timed_history_holds_exactly_the_strictly_older_events_newest_first() -> None:
    users = random.integers(0, 9, 200)
    times = random.integers(50, 80, 200)
    index = TimedIndex(users, times, n_users=10)
    rows = 300
    row_users, row_times = random.integers(0, 10, rows), random.integers(40, 90, rows)
    starts, lengths = index.locate(row_users, row_times, np.ones(rows, dtype=bool))
    for user, time, start, length in zip(row_users, row_times, starts, lengths, strict=True):
        older = [e for e in range(200) if users[e] == user and times[e] < time]
        older.sort(key=lambda e: (times[e], e), reverse=True)
        assert index.order[start : start + length].tolist() == older


def test_a_log_without_clicks_has_empty_histories() -> None:
    none = np.zeros(0, np.int64)
    index = TimedIndex(none, none, n_users=3)
    _, lengths = index.locate(np.array([0, 2]), np.array([5, -5]), np.ones(2, dtype=bool))
    assert lengths.tolist() == [0, 0]
    folded = FoldedIndex(none, none, none, n_users=3, folds=2, seed=0)
    _, lengths = folded.locate(np.array([0, 2]), np.array([5, 6]), np.ones(2, dtype=bool))
    assert lengths.tolist() == [0, 0]


def test_timestamps_beyond_64_bits_are_refused() -> None:
    with pytest.raises(DataError, match="expected whole seconds"):
        TimedIndex(np.zeros(2, np.int64), np.array([0, 2**62]), n_users=5)


class TestFolded:
    users = random.integers(0, 8, 400)
    rows = np.arange(400)
    clicked = random.random(400) < 0.4
    index = FoldedIndex(users[clicked], rows[clicked], rows[clicked], n_users=8, folds=5, seed=3)
    events = np.flatnonzero(clicked)
    stored = events[index.order]
    starts, lengths = index.locate(users, rows, np.ones(400, dtype=bool))
    folds = index._fold(rows)

    def history(self, row: int) -> list[int]:
        start = self.starts[row]
        events: list[int] = self.stored[start : start + self.lengths[row]].tolist()
        return events

    def test_a_row_sees_no_event_of_its_fold_so_never_itself(self) -> None:
        for row in self.rows.tolist():
            seen = self.history(row)
            assert len(set(seen)) == len(seen)
            assert all(self.users[event] == self.users[row] for event in seen)
            assert all(self.folds[event] != self.folds[row] for event in seen)

    def test_rows_of_one_user_and_fold_see_the_same_whatever_their_label(self) -> None:
        seen: dict[tuple[int, int], list[int]] = {}
        for row in self.rows.tolist():
            cell = (int(self.users[row]), int(self.folds[row]))
            assert seen.setdefault(cell, self.history(row)) == self.history(row)

    def test_the_number_of_events_tells_nothing_about_the_fold(self) -> None:
        for user in range(8):
            mine = self.clicked & (self.users == user)
            fullest = max(int((mine & (self.folds == fold)).sum()) for fold in range(5))
            assert set(self.lengths[self.users == user]) == {mine.sum() - fullest}

    def test_rows_of_other_parts_see_every_event_once(self) -> None:
        starts, lengths = self.index.locate(self.users, self.rows, np.zeros(400, dtype=bool))
        for user, start, length in zip(self.users, starts, lengths, strict=True):
            mine = np.flatnonzero(self.clicked & (self.users == user))
            assert sorted(self.stored[start : start + length]) == mine.tolist()

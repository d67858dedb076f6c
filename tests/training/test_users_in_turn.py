"""Users that kernels are tried on are learned from last, in each pass."""

from collections import Counter

import numpy as np
import pytest

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.batch import Batch, Users
from tfrec_mt.data.reading.reader import BatchReader
from tfrec_mt.training.train_loop import Reader
from tfrec_mt.training.user_clusters import held_out
from tfrec_mt.training.users_in_turn import UsersInTurn, users_in_turn

B = 16


def _reader(dataset: PreparedDataset, users: Users | None, size: int = B) -> Reader:
    return BatchReader(dataset, ["train"], size, seed=2, users=users)


def _rows(reader: Reader, epoch: int) -> Counter[tuple[float, ...]]:
    """How often an epoch reads a row of these keys and this truth."""
    steps = reader.steps_per_epoch
    batch = reader.read(epoch * steps, (epoch + 1) * steps)
    columns = [values.ravel().tolist() for values in (*batch.keys.values(), *batch.truth.values())]
    return Counter(zip(*columns, strict=True))


def test_each_pass_reads_users_held_out_after_all_others(dataset: PreparedDataset) -> None:
    reader, (first, last) = users_in_turn(lambda users: _reader(dataset, users))
    assert 0 < first < last == reader.steps_per_epoch
    for epoch in range(2):
        start = epoch * last
        for step in range(start, start + last):
            apart = held_out(reader.read(step, step + 1).keys["user"])
            assert apart.all() if step - start >= first else not apart.any()
    first_pass, second = (_rows(reader, epoch) for epoch in range(2))
    everything = _rows(_reader(dataset, None, size=1), 0)
    for rows in (first_pass, second):
        assert rows <= everything
        assert dataset.rows("train") - 2 * B < rows.total() == last * B
    assert first_pass != second


def test_batches_do_not_depend_on_the_calls_that_they_are_read_by(
    dataset: PreparedDataset,
) -> None:
    reader, (first, last) = users_in_turn(lambda users: _reader(dataset, users))
    whole = reader.read(0, 2 * last)
    for start, stop in ((first - 1, first + 2), (last - 3, last + first + 1), (0, 1)):
        part = reader.read(start, stop)
        for group in ("features", "labels", "keys", "truth"):
            for name, values in getattr(part, group).items():
                np.testing.assert_array_equal(values, getattr(whole, group)[name][start:stop])


def test_epochs_of_two_readers_follow_each_other() -> None:
    class Numbers:
        def __init__(self, steps: int, sign: int) -> None:
            self.steps_per_epoch, self._sign = steps, sign

        def read(self, start_step: int, stop_step: int) -> Batch:
            steps = self._sign * np.arange(start_step + 1, stop_step + 1)
            return Batch(features={}, labels={"step": steps}, keys={}, truth={})

    reader = UsersInTurn(Numbers(3, 1), Numbers(2, -1))
    assert reader.steps_per_epoch == 5
    found = reader.read(0, 13).labels["step"]
    assert found.tolist() == [1, 2, 3, -1, -2, 4, 5, 6, -3, -4, 7, 8, 9]


def test_too_few_rows_are_read_without_a_trial(
    dataset: PreparedDataset, caplog: pytest.LogCaptureFixture
) -> None:
    size = dataset.rows("train") // 2
    reader, trial = users_in_turn(lambda users: _reader(dataset, users, size))
    assert trial == (0, 0) and reader.steps_per_epoch == 2
    assert "a third of the users have too few rows" in caplog.text

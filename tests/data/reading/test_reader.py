from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.data.reading.reader import BatchReader, shuffled_rows
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.schema import DataError

GROUPS = ("features", "labels", "keys", "truth")


@pytest.fixture
def dataset(
    click_log: Callable[..., Any], prepared: Callable[..., PreparedDataset]
) -> PreparedDataset:
    return prepared(click_log(rows=2_003), "train:2,fresh:1,test:1")


def rows_of(batch: Batch) -> list[tuple[Any, ...]]:
    """Each row as one value that holds all its columns."""
    columns = []
    for group in GROUPS:
        for _, values in sorted(getattr(batch, group).items()):
            depth = 1 if batch.labels["ctr"].ndim == 1 else 2
            columns.append(values.reshape(batch.labels["ctr"].size, *values.shape[depth:]).tolist())
    return [tuple(map(str, row)) for row in zip(*columns, strict=True)]


def equal(one: Batch, other: Batch) -> bool:
    return all(
        np.array_equal(values, getattr(other, group)[name])
        for group in GROUPS
        for name, values in getattr(one, group).items()
    )


def truths(reader: BatchReader, epoch: int) -> npt.NDArray[np.float32]:
    steps = reader.steps_per_epoch
    return reader.read(epoch * steps, (epoch + 1) * steps).truth["ctr"].ravel()


@pytest.mark.parametrize(("blocks", "windows"), [(16, 100), (64, 300), (8_192, 1 << 18)])
def test_an_epoch_holds_each_row_once_whole(
    dataset: PreparedDataset, blocks: int, windows: int
) -> None:
    stored = [
        row for part in ("train", "fresh") for b in scan(dataset, part, 500) for row in rows_of(b)
    ]
    reader = BatchReader(
        dataset, ["train", "fresh"], 24, seed=1, block_rows=blocks, window_rows=windows
    )
    assert reader.steps_per_epoch == len(stored) // 24
    drawn = rows_of(reader.read(0, reader.steps_per_epoch))
    assert len(set(drawn)) == len(drawn) == reader.steps_per_epoch * 24
    assert set(drawn) <= set(stored)


def test_a_batch_depends_on_its_step_alone(dataset: PreparedDataset) -> None:
    options: dict[str, Any] = {"seed": 3, "block_rows": 32, "window_rows": 200}
    steps = BatchReader(dataset, ["train"], 16, **options).steps_per_epoch
    assert steps > 20
    together = BatchReader(dataset, ["train"], 16, **options).read(steps - 15, steps + 20)
    backwards = BatchReader(dataset, ["train"], 16, **options)
    for step in reversed(range(35)):
        alone = backwards.read(steps - 15 + step, steps - 15 + step + 1)
        for group in GROUPS:
            for name, values in getattr(alone, group).items():
                assert np.array_equal(values[0], getattr(together, group)[name][step]), name


def test_epochs_and_seeds_differ_in_order_and_in_the_rows_they_drop(
    dataset: PreparedDataset,
) -> None:
    size = dataset.rows("train") // 2 - 20
    reader = BatchReader(dataset, ["train"], size, seed=0)
    epochs = [truths(reader, epoch) for epoch in range(2)]
    other = truths(BatchReader(dataset, ["train"], size, seed=1), 0)
    for drawn in (epochs[1], other):
        assert not np.array_equal(epochs[0], drawn)
        assert set(epochs[0].tolist()) != set(drawn.tolist())


def test_workers_share_each_global_batch(dataset: PreparedDataset) -> None:
    options: dict[str, Any] = {"seed": 2, "window_rows": 300}
    together = BatchReader(dataset, ["train"], 30, **options).read(3, 8)
    shares = [
        BatchReader(dataset, ["train"], 30, worker=worker, workers=3, **options).read(3, 8)
        for worker in range(3)
    ]
    for group in GROUPS:
        for name, values in getattr(together, group).items():
            joined = np.concatenate([getattr(share, group)[name] for share in shares], axis=1)
            assert np.array_equal(joined, values), name


def test_windows_are_mixed_from_the_whole_log_and_anew_in_each_epoch(
    dataset: PreparedDataset,
) -> None:
    requests = np.concatenate([b.keys["request"] for b in scan(dataset, "train", 500)])
    reader = BatchReader(dataset, ["train"], 50, seed=0, block_rows=10, window_rows=200)
    # request ids grow with the stored place; a window holds a fifth of the log
    first_windows = [
        reader.read(step, step + 4).keys["request"].ravel() for step in (0, reader.steps_per_epoch)
    ]
    for drawn in first_windows:
        places = np.searchsorted(requests, drawn) / len(requests)
        # each run of blocks gives a window one block, so no stretch of the log exceeds its share
        counts = np.histogram(places, bins=4, range=(0, 1))[0]
        assert abs(counts - len(places) / 4).max() <= 20, counts
    shared = np.isin(first_windows[0], first_windows[1]).mean()
    assert shared < 0.5


def test_shapes_and_types(dataset: PreparedDataset) -> None:
    batch = BatchReader(dataset, ["test"], 8, seed=0, history_length=2).read(0, 3)
    assert batch.features["tags"].shape == (3, 8, 3)
    assert batch.features["history_brand"].shape == (3, 8, 2)
    assert batch.features["history_age"].dtype == np.int32
    assert batch.features["load"].dtype == np.float32
    assert batch.labels["ctcvr"].dtype == np.float32
    assert all(keys.shape == (3, 8) and keys.dtype == np.int64 for keys in batch.keys.values())


@pytest.mark.parametrize(
    ("parts", "options", "error", "message"),
    [
        (["train"], {"batch_size": 5_000}, DataError, r"hold \d+ rows, fewer than one batch"),
        (["train"], {"batch_size": 9, "workers": 2}, ValueError, "multiple of the number of work"),
        (["train"], {"worker": 2, "workers": 2}, ValueError, r"worker must be in 0\.\.1, got 2"),
        (["train", "train"], {}, DataError, "distinct parts"),
        ([], {}, DataError, "distinct parts"),
        (["trian"], {}, DataError, "did you mean 'train'"),
    ],
)
def test_bad_arguments_say_what_is_wrong(
    dataset: PreparedDataset,
    parts: list[str],
    options: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        BatchReader(dataset, parts, **{"batch_size": 8, "seed": 0, **options})


def test_steps_must_be_a_range(dataset: PreparedDataset) -> None:
    with pytest.raises(ValueError, match="got steps 4 to 4"):
        BatchReader(dataset, ["train"], 8, seed=0).read(4, 4)


@pytest.mark.parametrize(("blocks", "windows"), [(16, 100), (64, 300), (8_192, 1 << 18)])
def test_an_epoch_of_some_users_holds_each_of_their_rows_once_whole(
    dataset: PreparedDataset, blocks: int, windows: int
) -> None:
    def odd(users: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        return users % 2 == 1

    stored = []
    for part in ("train", "fresh"):
        for batch in scan(dataset, part, 500):
            rows = zip(rows_of(batch), odd(batch.keys["user"]), strict=True)
            stored += [row for row, chosen in rows if chosen]
    assert 200 < len(stored) < dataset.rows("train") + dataset.rows("fresh") - 200
    reader = BatchReader(
        dataset,
        ["train", "fresh"],
        24,
        seed=1,
        block_rows=blocks,
        window_rows=windows,
        users=odd,
    )
    assert reader.steps_per_epoch == len(stored) // 24
    for epoch in range(2):
        steps = epoch * reader.steps_per_epoch, (epoch + 1) * reader.steps_per_epoch
        drawn = rows_of(reader.read(*steps))
        assert len(set(drawn)) == len(drawn) == reader.steps_per_epoch * 24
        assert set(drawn) <= set(stored)


def test_shuffled_rows_are_nearly_all_rows_once(
    prepared: Callable[..., PreparedDataset], click_log: Callable[..., Any]
) -> None:
    data = prepared(click_log(rows=900), "train:1", "random")
    batches = [*shuffled_rows(data, ["train"])]
    again = [*shuffled_rows(data, ["train"])]
    whole = np.concatenate([shard["keys/timestamp"].read() for shard in data.shards("train")])
    times = np.concatenate([batch.keys["timestamp"] for batch in batches])
    assert len(times) == len(whole) and sorted(times) == sorted(whole)
    assert not np.array_equal(times, whole)
    for one, other in zip(batches, again, strict=True):
        np.testing.assert_array_equal(one.features["item_id"], other.features["item_id"])
    some = batches[0].only(batches[0].labels["ctr"] == 1)
    assert (some.labels["ctr"] == 1).all() and len(some.keys["user"]) < len(batches[0].keys["user"])

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.history_windows import HistoryWindows, age_codes
from tfrec_mt.data.reading.scan import scan

Prepare = Callable[..., PreparedDataset]


@pytest.mark.parametrize("length", [1, 3, 60, None])
def test_windows_equal_slices(
    click_log: Callable[..., Any],
    schema_of: Callable[..., Any],
    prepared: Prepare,
    length: int | None,
) -> None:
    dataset = prepared(click_log(log_schema=schema_of(long=60)))
    windows = HistoryWindows(dataset, length)
    events = dataset.event_elements()["brand"]
    starts = np.load(dataset.path / "test/shard-00000/history/start.npy")
    lengths = np.load(dataset.path / "test/shard-00000/history/length.npy")
    times = np.load(dataset.path / "test/shard-00000/keys/timestamp.npy")
    features = windows.cut(starts, lengths, times)
    size = length or 60
    for row, (start, count) in enumerate(zip(starts, np.minimum(lengths, size), strict=True)):
        expected = np.zeros(size, np.int32)
        expected[:count] = events[start : start + count]
        assert np.array_equal(features["history_brand"][row], expected)
        assert (features["history_age"][row] > 0).sum() == count


def test_age_codes_are_binary_logarithms() -> None:
    powers = [2**k + d for k in range(1, 40) for d in (-2, -1, 0)]
    expected = [1 + min(31, (1 + age).bit_length() - 1) for age in powers]
    assert age_codes(np.array(powers)).tolist() == expected


@pytest.mark.parametrize("length", [0, 5])
def test_a_length_beyond_the_schema_is_refused(
    click_log: Callable[..., Any], prepared: Prepare, length: int
) -> None:
    with pytest.raises(ValueError, match=rf"history_length must be in 1\.\.4.*got {length}"):
        next(scan(prepared(click_log()), "test", 8, history_length=length))

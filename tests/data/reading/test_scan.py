from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.preparation import prepare as prepare_module
from tfrec_mt.data.preparation import shards
from tfrec_mt.data.reading.scan import scan


def test_batches_cross_shards_and_the_last_is_shorter(
    click_log: Callable[..., Any],
    prepared: Callable[..., PreparedDataset],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = prepared(click_log())
    monkeypatch.setattr(
        prepare_module, "ShardWriter", lambda folder: shards.ShardWriter(folder, 70)
    )
    cut = prepared(click_log())
    assert len(cut.shards("train")) > 5
    (expected,) = scan(whole, "train", 10_000)
    batches = list(scan(cut, "train", 64))
    sizes = [len(batch.labels["ctr"]) for batch in batches]
    assert set(sizes[:-1]) == {64} and 0 < sizes[-1] < 64
    for group in ("features", "labels", "keys", "truth"):
        for name, values in getattr(expected, group).items():
            joined = np.concatenate([getattr(batch, group)[name] for batch in batches])
            assert joined.dtype == values.dtype
            assert np.array_equal(joined, values), name


def test_a_batch_size_below_one_is_refused(
    click_log: Callable[..., Any], prepared: Callable[..., PreparedDataset]
) -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        next(scan(prepared(click_log()), "train", 0))

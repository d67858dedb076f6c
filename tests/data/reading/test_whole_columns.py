"""Columns of parts, read at once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.preparation import prepare as prepare_module
from tfrec_mt.data.preparation import shards
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.data.reading.whole_columns import whole_columns


@pytest.mark.parametrize("most", [None, 1, 70, 100, 10_000])
def test_they_are_the_last_rows_of_all_shards(
    click_log: Callable[..., Any],
    prepared: Callable[..., PreparedDataset],
    monkeypatch: pytest.MonkeyPatch,
    most: int | None,
) -> None:
    monkeypatch.setattr(
        prepare_module, "ShardWriter", lambda folder: shards.ShardWriter(folder, 70)
    )
    log = prepared(click_log())
    parts = log.parts[:2]
    found = whole_columns(log, parts, ["keys/user", "no/such"], most)
    users = [batch.keys["user"] for part in parts for batch in scan(log, part, 10_000)]
    expected = np.concatenate(users)[0 if most is None else -most :]
    assert list(found) == ["keys/user"]
    np.testing.assert_array_equal(found["keys/user"], expected)

"""`whole_columns`: some columns of some parts, all of their rows at once."""

from collections.abc import Collection, Sequence

import numpy as np

from tfrec_mt.data.column_file import Columns
from tfrec_mt.data.dataset import PreparedDataset


def whole_columns(
    dataset: PreparedDataset,
    parts: Sequence[str],
    names: Collection[str],
    most: int | None = None,
) -> Columns:
    """Whole stored columns `[n, ...]` by `<group>/<name>`, without those the dataset lacks.

    Args:
      dataset: The dataset.
      parts: Its parts, one after the other.
      names: Which columns.
      most: Rows to read at most, the last ones; None: all.

    Raises:
      DataError: An unknown part, or a file that has changed.
    """
    shards, rows = list[Columns](), 0
    for shard in reversed([shard for part in parts for shard in dataset.shards(part, names)]):
        if most is not None and rows >= most:
            break
        shards.insert(0, {name: column.read() for name, column in shard.items()})
        rows += len(next(iter(shards[0].values())))
    last = slice(0 if most is None else max(rows - most, 0), None)
    return {name: np.concatenate([shard[name] for shard in shards])[last] for name in shards[0]}

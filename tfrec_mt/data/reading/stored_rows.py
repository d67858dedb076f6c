"""Rows of some parts of a prepared dataset, with one running number."""

from collections.abc import Iterator, Sequence

import numpy as np

from tfrec_mt.data.column_file import Columns
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.encoding import decode_label
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.data.reading.history_windows import HistoryWindows
from tfrec_mt.schema import DataError


class StoredRows:
    """The rows of parts, one part after the other in stored order.

    Args:
      dataset: The dataset.
      parts: Names of the parts.
      history_length: Clicks of history per row; by default and at most the schema's.

    Raises:
      DataError: An unknown part, one named twice, or none.
      ValueError: A history length out of range.
    """

    def __init__(
        self, dataset: PreparedDataset, parts: Sequence[str], history_length: int | None
    ) -> None:
        if not parts or len(set(parts)) != len(parts):
            raise DataError(f"expected one or several distinct parts to read, got {list(parts)}")
        self._shards = [shard for part in parts for shard in dataset.shards(part)]
        self._sizes = [shard.rows for part in parts for shard in dataset.manifest.parts[part]]
        self._ends = np.cumsum(self._sizes)
        self.rows = int(self._ends[-1])
        self._windows = HistoryWindows(dataset, history_length) if dataset.schema.history else None

    def allocate(self, rows: int) -> Columns:
        """Uninitialised stored columns for that many rows."""
        return {
            name: np.empty((rows, *column.shape[1:]), column.dtype)
            for name, column in self._shards[0].items()
        }

    def read_into(self, columns: Columns, pieces: Sequence[tuple[int, int]]) -> None:
        """Fills columns with pieces of the rows, each `(first row, row after its last)`."""
        at = 0
        for number, within in self._by_shard(pieces):
            count = sum(stop - start for start, stop in within)
            for name, column in self._shards[number].items():
                column.read_into(columns[name][at : at + count], within)
            at += count

    def _by_shard(
        self, pieces: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Pieces by shard, counted within it; consecutive ones of a shard together."""
        held, within = -1, list[tuple[int, int]]()
        for start, stop in pieces:
            while start < stop:
                number = int(np.searchsorted(self._ends, start, side="right"))
                if number != held and within:
                    yield held, within
                    within = []
                held, first = number, int(self._ends[number]) - self._sizes[number]
                end = min(stop, int(self._ends[number]))
                within.append((start - first, end - first))
                start = end
        if within:
            yield held, within

    def batch(self, columns: Columns) -> Batch:
        """A batch from stored columns `[n, ...]`."""
        groups: dict[str, Columns] = {"features": {}, "labels": {}, "keys": {}, "truth": {}}
        for name, values in columns.items():
            group, _, short = name.partition("/")
            if group in groups:
                groups[group][short] = values
        groups["labels"] = {n: decode_label(values) for n, values in groups["labels"].items()}
        if self._windows:
            groups["features"] |= self._windows.cut(
                columns["history/start"], columns["history/length"], columns.get("keys/timestamp")
            )
        return Batch(**groups)

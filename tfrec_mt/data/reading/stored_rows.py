"""Rows of some parts of a prepared dataset, numbered consecutively."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.column_file import Columns
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.encoding import decode_label
from tfrec_mt.data.reading.batch import Batch, Users
from tfrec_mt.data.reading.history_windows import HistoryWindows
from tfrec_mt.schema import DataError


class StoredRows:
    """The rows of parts, one part after the other in stored order.

    Args:
      dataset: The dataset.
      parts: Names of the parts.
      history_length: Clicks of history per row; by default and at most the schema's.
      users: Whose rows there are; by default all.

    Raises:
      DataError: An unknown part, one named twice, or none.
      ValueError: A history length out of range.
    """

    def __init__(
        self,
        dataset: PreparedDataset,
        parts: Sequence[str],
        history_length: int | None,
        users: Users | None = None,
    ) -> None:
        if not parts or len(set(parts)) != len(parts):
            raise DataError(f"expected one or several distinct parts to read, got {list(parts)}")
        self._shards = [shard for part in parts for shard in dataset.shards(part)]
        self._sizes = [shard.rows for part in parts for shard in dataset.manifest.parts[part]]
        self._ends = np.cumsum(self._sizes)
        # places of the chosen rows among all rows; None if all are chosen
        self._chosen: npt.NDArray[np.int64] | None = None
        if users is not None:
            keys = np.concatenate([shard["keys/user"].read() for shard in self._shards])
            self._chosen = np.flatnonzero(users(keys))
        self.rows = int(self._ends[-1]) if self._chosen is None else len(self._chosen)
        self._windows = HistoryWindows(dataset, history_length) if dataset.schema.history else None

    def allocate(self, rows: int) -> Columns:
        """Allocates stored columns for that many rows, uninitialised."""
        return {
            name: np.empty((rows, *column.shape[1:]), column.dtype)
            for name, column in self._shards[0].items()
        }

    def read_into(self, columns: Columns, pieces: Sequence[tuple[int, int]]) -> None:
        """Fills columns with pieces of the rows, each `(first row, row after its last)`."""
        places = None
        if self._chosen is not None:
            chosen = [self._chosen[start:stop] for start, stop in pieces]
            pieces, places = _covering([rows for rows in chosen if len(rows)])
        by_shard = [*self._by_shard(pieces)]
        for name, values in columns.items():
            target, at = values, 0
            if places is not None:
                count = sum(stop - start for start, stop in pieces)
                target = np.empty((count, *values.shape[1:]), values.dtype)
            for number, within in by_shard:
                count = sum(stop - start for start, stop in within)
                self._shards[number][name].read_into(target[at : at + count], within)
                at += count
            if places is not None:
                np.take(target, places, axis=0, out=values, mode="clip")

    def _by_shard(
        self, pieces: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Yields pieces by shard, counted within it; consecutive ones of a shard together."""
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

    def in_order(self, rows: int) -> Iterator[Batch]:
        """Yields all rows in batches `[b, ...]` of at most `rows` rows."""
        for start in range(0, self.rows, rows):
            stop = min(start + rows, self.rows)
            columns = self.allocate(stop - start)
            self.read_into(columns, [(start, stop)])
            yield self.batch(columns)

    def batch(self, columns: Columns) -> Batch:
        """A batch of stored columns `[n, ...]`; float16, which only saves disk, becomes float32."""
        groups: dict[str, Columns] = {"features": {}, "labels": {}, "keys": {}, "truth": {}}
        for name, values in columns.items():
            group, _, short = name.partition("/")
            if group in groups:
                half = values.dtype == np.float16
                groups[group][short] = values.astype(np.float32) if half else values
        groups["labels"] = {n: decode_label(values) for n, values in groups["labels"].items()}
        if self._windows:
            groups["features"] |= self._windows.cut(
                columns["history/start"], columns["history/length"], columns.get("keys/timestamp")
            )
        return Batch(**groups)


def _covering(
    rows: Sequence[npt.NDArray[np.int64]],
) -> tuple[list[tuple[int, int]], npt.NDArray[np.int64]]:
    """Ranges that span each array of ascending rows, and the places of the rows within them."""
    pieces = [(int(of[0]), int(of[-1]) + 1) for of in rows]
    begins = np.cumsum([0, *(stop - start for start, stop in pieces)])
    pairs = zip(rows, pieces, begins[:-1], strict=True)
    places = [of - start + begin for of, (start, _), begin in pairs]
    return pieces, np.concatenate([np.zeros(0, np.int64), *places])

"""`BatchReader`: shuffled training batches, the same after any restart."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.column_file import Columns
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.hashing import permutation
from tfrec_mt.data.reading.batch import Batch, Users, slice_of_worker
from tfrec_mt.data.reading.stored_rows import StoredRows
from tfrec_mt.errors import TooFewRowsError

BLOCK_ROWS = 1 << 8
WINDOW_ROWS = 1 << 18
_SHUFFLED_ROWS = 1 << 12


class BatchReader:
    """Shuffled batches in constant memory.

    An epoch deals blocks of consecutive rows out to windows of whole batches, and permutes the rows
    of each window. Rows that do not fill the last batch are dropped, different ones in each epoch.
    Each window gets one block of every run of as many blocks as there are windows: logs are in time
    order, and a window of blocks drawn at random would hold too much of some hours. A log that fits
    one window is permuted as a whole. What a step reads depends only on the seed, the epoch and the
    step, not on how steps are grouped into calls.

    Args:
      dataset: The dataset.
      parts: Names of the parts to read, mixed.
      batch_size: Rows per global batch.
      seed: Seed of the order.
      history_length: Clicks of history per row; by default and at most the schema's.
      worker: Which worker this is.
      workers: How many workers share a global batch; each gets an equal contiguous slice.
      block_rows: Rows of a block.
      window_rows: Rows of a window, about; one window of all columns is held in memory.
      users: Whose rows are read; by default all.

    Raises:
      DataError: An unknown part.
      TooFewRowsError: Fewer rows than one batch.
      ValueError: A batch size, history length or worker out of range.
    """

    def __init__(
        self,
        dataset: PreparedDataset,
        parts: Sequence[str],
        batch_size: int,
        *,
        seed: int,
        history_length: int | None = None,
        worker: int = 0,
        workers: int = 1,
        block_rows: int = BLOCK_ROWS,
        window_rows: int = WINDOW_ROWS,
        users: Users | None = None,
    ) -> None:
        self._slice = slice_of_worker(batch_size, worker, workers)
        self._stored = StoredRows(dataset, parts, history_length, users)
        self.steps_per_epoch = self._stored.rows // batch_size
        if not self.steps_per_epoch:
            raise TooFewRowsError(
                f"parts {list(parts)} of {dataset.path} hold {self._stored.rows} rows, "
                f"fewer than one batch of {batch_size}"
            )
        self._batch_size = batch_size
        self._seed = seed
        self._block_rows = block_rows
        # first step of each window, and the end
        windows = max(1, round(self.steps_per_epoch * batch_size / window_rows))
        windows = min(windows, self.steps_per_epoch)
        self._window_steps = np.arange(windows + 1) * self.steps_per_epoch // windows
        self._held: tuple[int, int] = (-1, -1)
        self._window: Columns = {}
        self._order: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def in_order(self, rows: int) -> Iterator[Batch]:
        """All rows in stored order, in batches `[b, ...]` of at most `rows` rows."""
        return self._stored.in_order(rows)

    def read(self, start_step: int, stop_step: int) -> Batch:
        """The batches `[steps, B / workers, ...]` of steps `start_step .. stop_step - 1`.

        Raises:
          ValueError: No steps, or negative ones.
          DataError: A file has changed since it was opened.
        """
        if not 0 <= start_step < stop_step:
            raise ValueError(f"expected 0 <= start < stop, got steps {start_step} to {stop_step}")
        share = self._slice.stop - self._slice.start
        steps = stop_step - start_step
        columns = self._stored.allocate(steps * share)
        step = start_step
        while step < stop_step:
            epoch, within = divmod(step, self.steps_per_epoch)
            number = int(np.searchsorted(self._window_steps, within, side="right")) - 1
            self._load(epoch, number)
            first, end = self._window_steps[number : number + 2]
            count = min(stop_step - step, int(end) - within)
            order = self._order[: int(end - first) * self._batch_size]
            order = order.reshape(-1, self._batch_size)[within - first :][:count, self._slice]
            at = (step - start_step) * share
            for name, values in columns.items():
                target = values[at : at + count * share]
                np.take(self._window[name], order.ravel(), axis=0, out=target, mode="clip")
            step += count
        batch = self._stored.batch(columns)
        for group in (batch.features, batch.labels, batch.keys, batch.truth):
            for name, values in group.items():
                group[name] = values.reshape(steps, share, *values.shape[1:])
        return batch

    def _load(self, epoch: int, number: int) -> None:
        if self._held == (epoch, number):
            return
        self._held = (-1, -1)
        first, end = (int(step) * self._batch_size for step in self._window_steps[number:][:2])
        if end == self.steps_per_epoch * self._batch_size:
            end = self._stored.rows  # so that chance decides which rows are dropped
        if len(self._order) != end - first:
            self._window = self._stored.allocate(end - first)
        self._stored.read_into(self._window, self._pieces(epoch, first, end))
        self._order = permutation(end - first, self._seed, epoch, number + 1)
        self._held = (epoch, number)

    def _pieces(self, epoch: int, first: int, end: int) -> list[tuple[int, int]]:
        """The rows at positions `first .. end - 1` of an epoch's blocks, in stored order."""
        rows, size = self._stored.rows, self._block_rows
        blocks, windows = -(-rows // size), len(self._window_steps) - 1
        runs = -(-blocks // windows)
        ranks = permutation(runs * windows, self._seed, epoch, 0).reshape(runs, windows)
        window = ranks.argsort(axis=1)
        starts = np.lexsort((ranks.ravel()[:blocks], window.ravel()[:blocks])) * size
        stops = np.minimum(starts + size, rows)
        ends = np.cumsum(stops - starts)
        begins = ends - (stops - starts)
        touched = np.flatnonzero((ends > first) & (begins < end))
        pieces = zip(
            starts[touched] + np.maximum(first - begins[touched], 0),
            stops[touched] - np.maximum(ends[touched] - end, 0),
            strict=True,
        )
        return sorted((int(start), int(stop)) for start, stop in pieces)


def shuffled_rows(dataset: PreparedDataset, parts: Sequence[str]) -> Iterator[Batch]:
    """Rows of parts in batches `[b, ...]` of random ones, always the same; a few are left out.

    Raises:
      DataError: An unknown part, or a file that has changed.
    """
    rows = sum(dataset.rows(part) for part in parts)
    size = rows // -(-rows // _SHUFFLED_ROWS)  # so that a last batch would hold next to none
    reader = BatchReader(dataset, tuple(parts), size, seed=0)
    for step in range(reader.steps_per_epoch):
        groups = reader.read(step, step + 1).groups
        yield Batch(*({name: values[0] for name, values in group.items()} for group in groups))

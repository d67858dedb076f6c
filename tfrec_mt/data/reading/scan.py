"""Reads a part once, in stored order."""

from collections.abc import Iterator

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.data.reading.stored_rows import StoredRows


def scan(
    dataset: PreparedDataset, part: str, batch_size: int, history_length: int | None = None
) -> Iterator[Batch]:
    """Yields all rows of a part in stored order, `[b, ...]`; the last batch may be shorter.

    Args:
      dataset: The dataset.
      part: Name of the part.
      batch_size: Rows per batch, at least 1.
      history_length: Clicks of history per row; by default and at most the schema's.

    Raises:
      DataError: An unknown part, or a file that has changed since it was opened.
      ValueError: A batch size or history length out of range.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    yield from StoredRows(dataset, [part], history_length).in_order(batch_size)

"""Buffers rows until whole groups can be read: in memory while few, on disk once many."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.hashing import splitmix64

PARTITIONS = 64


class GroupSpill:
    """Collects rows in any order and gives them back in parts that hold whole groups.

    The files have no name in any folder, so nothing is left behind however the process ends.

    Args:
      group: Name of the integer field with the group id.
      rows_in_memory: With more rows than these, all go to disk.
      folder: Folder of the files; None for the system's temporary folder.
    """

    def __init__(self, group: str, rows_in_memory: int, folder: str | Path | None = None) -> None:
        self._group = group
        self._rows_in_memory = rows_in_memory
        self._folder = folder
        self._held: list[NDArray[np.void]] = []
        self._files: list[IO[bytes]] = []
        self._dtype: np.dtype[Any] | None = None

    @property
    def on_disk(self) -> bool:
        """Whether rows are on disk."""
        return bool(self._files)

    def append(self, records: NDArray[np.void]) -> None:
        """Takes rows `[B]` of one structured type, without copying them."""
        self._dtype = records.dtype
        self._held.append(records)
        if self._files or sum(held.size for held in self._held) > self._rows_in_memory:
            self._write_held()

    def parts(self) -> Iterator[NDArray[np.void]]:
        """All rows, each group whole within one part."""
        if self._held:
            yield np.concatenate(self._held)
        for file in self._files:
            file.seek(0)
            yield np.frombuffer(file.read(), self._dtype)

    def close(self) -> None:
        """Drops all rows and gives the disk space back."""
        for file in self._files:
            file.close()
        self._files, self._held = [], []

    def _write_held(self) -> None:
        if not self._files:
            self._files = [
                tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (closed by close)
                for _ in range(PARTITIONS)
            ]
        for records in self._held:
            partition = splitmix64(records[self._group]) % np.uint64(PARTITIONS)
            order = np.argsort(partition, kind="stable")
            ends = np.cumsum(np.bincount(partition.astype(np.int64), minlength=PARTITIONS))
            for file, rows in zip(self._files, np.split(order, ends[:-1]), strict=True):
                file.seek(0, os.SEEK_END)
                file.write(records[rows].tobytes())
        self._held = []

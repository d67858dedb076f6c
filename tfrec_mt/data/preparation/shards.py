"""Columns of rows on disk: one NumPy file per column and shard."""

from pathlib import Path

import numpy as np

from tfrec_mt.data.column_file import Columns
from tfrec_mt.data.manifest import Shard
from tfrec_mt.storage.hashes import hash_file

ROWS_PER_SHARD = 1 << 20


class ShardWriter:
    """Writes the rows of one part into `<folder>/shard-00000/<column>.npy`, `shard-00001`, ...

    `rows_per_shard` is the size of every shard but the last.
    """

    def __init__(self, folder: Path, rows_per_shard: int = ROWS_PER_SHARD) -> None:
        folder.mkdir()
        self._folder = folder
        self._rows_per_shard = rows_per_shard
        self._waiting: list[Columns] = []
        self._rows = 0
        self._shards: list[Shard] = []

    def append(self, columns: Columns) -> None:
        """Adds rows: columns `[n, ...]` of equal length, with the same names every time."""
        rows = len(next(iter(columns.values())))
        taken = 0
        while rows - taken >= self._rows_per_shard - self._rows:
            end = taken + self._rows_per_shard - self._rows
            self._waiting.append({name: values[taken:end] for name, values in columns.items()})
            self._rows = self._rows_per_shard
            self._flush()
            taken = end
        if taken < rows:
            self._waiting.append({name: values[taken:] for name, values in columns.items()})
            self._rows += rows - taken

    def close(self) -> tuple[Shard, ...]:
        """Writes what is left and returns all shards."""
        if self._rows:
            self._flush()
        return tuple(self._shards)

    def _flush(self) -> None:
        shard = self._folder / f"shard-{len(self._shards):05d}"
        shard.mkdir()
        files = {}
        for name in self._waiting[0]:
            path = shard / f"{name}.npy"
            path.parent.mkdir(exist_ok=True)
            np.save(path, np.concatenate([columns[name] for columns in self._waiting]))
            files[name] = hash_file(path)
        self._shards.append(Shard(rows=self._rows, files=files))
        self._waiting.clear()
        self._rows = 0

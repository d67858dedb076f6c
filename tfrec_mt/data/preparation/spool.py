"""Checked rows on disk, so that a source is read once and later steps read only some columns."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from tfrec_mt.data.hashing import id_keys
from tfrec_mt.data.preparation.validation import UnknownDomains, check_chunk
from tfrec_mt.data.source import Source
from tfrec_mt.data.splits import Split, SplitSpec, chronological_split
from tfrec_mt.schema import DataError, Schema, SchemaError
from tfrec_mt.storage.disk_space import check_free_space

ROWS_PER_FILE = 1 << 18


@dataclass(frozen=True)
class Block:
    """Consecutive rows `[n]` of the whole log, with some columns; `first_row` counts from 0."""

    first_row: int
    frame: pl.DataFrame

    @property
    def row_numbers(self) -> npt.NDArray[np.int64]:
        """Number of each row in the log, int64 `[n]`."""
        return np.arange(self.first_row, self.first_row + self.frame.height)


class Spool:
    """All rows of a source after checking, in Arrow files that hold whole columns.

    A source may parse text or run a simulation, so it is read once; later steps read only the
    columns they need, and the same rows every time.

    Attributes:
      words: Words read as missing by column and word, see `Place.words`.
    """

    def __init__(
        self,
        schema: Schema,
        paths: Sequence[Path],
        first_rows: Sequence[int],
        part_rows: Mapping[str, int],
        words: Mapping[tuple[str, str], int],
    ) -> None:
        self.schema = schema
        self.words = words
        self._part_rows = part_rows
        self.rows = first_rows[-1]
        self._paths = paths
        self._first_rows = first_rows

    @classmethod
    def write(
        cls,
        source: Source,
        folder: Path,
        unknown_domains: UnknownDomains = "error",
    ) -> "Spool":
        """Checks every chunk of a source and keeps its rows in `folder`.

        Raises:
          DataError: A row breaks the schema, or there is none.
          DiskFullError: There is too little space for all rows.
        """
        schema = source.schema
        folder.mkdir()
        paths: list[Path] = []
        first_rows = [0]
        waiting: list[pl.DataFrame] = []
        part_rows = dict.fromkeys(source.parts, 0)
        words = Counter[tuple[str, str]]()

        def flush() -> None:
            frame = pl.concat(waiting)
            waiting[:] = [frame.slice(ROWS_PER_FILE)]
            frame = frame.head(ROWS_PER_FILE)
            paths.append(folder / f"{len(paths):05d}.arrow")
            frame.write_ipc(paths[-1], compression="lz4")
            first_rows.append(first_rows[-1] + frame.height)
            if len(paths) == 1 and source.rows and source.rows > frame.height:
                share = paths[0].stat().st_size / frame.height
                to_come = int(share * (source.rows - frame.height))
                check_free_space(folder, to_come, "the rows to come")

        for chunk in source.chunks():
            if chunk.part is not None:
                part_rows[chunk.part] += chunk.table.num_rows
            checked = check_chunk(chunk, schema, unknown_domains, words)
            waiting.append(checked.select(schema.columns))
            while sum(frame.height for frame in waiting) >= ROWS_PER_FILE:
                flush()
        if any(frame.height for frame in waiting):
            flush()
        if not paths:
            raise DataError("the source yields no rows; there is nothing to prepare")
        return cls(schema, paths, first_rows, part_rows, words)

    def blocks(self, columns: Sequence[str]) -> Iterator[Block]:
        """Yields the rows in the source's order, with only the named columns."""
        names = list(dict.fromkeys(columns))
        for path, first_row in zip(self._paths, self._first_rows, strict=False):
            yield Block(first_row, pl.read_ipc(path, columns=names))

    def take(self, row_numbers: npt.NDArray[np.int64], columns: Sequence[str]) -> pl.DataFrame:
        """The rows with the given numbers, in the order given."""
        distinct, places = np.unique(row_numbers, return_inverse=True)
        found = []
        for path, first, end in zip(
            self._paths, self._first_rows, self._first_rows[1:], strict=False
        ):
            low, high = np.searchsorted(distinct, [first, end])
            if low < high:
                frame = pl.read_ipc(path, columns=list(columns))
                found.append(frame[distinct[low:high] - first])
        if not found:
            return pl.read_ipc(self._paths[0], columns=list(columns), n_rows=0)
        return pl.concat(found)[places]

    def split(self, spec: SplitSpec, seed: int) -> Split:
        """The split of these rows by `spec`, with its cuts and without `"*"`.

        Raises:
          SchemaError: The schema lacks the column that the split needs, or the source is not
            divided into its parts.
          DataError: The log does not cover the days that the split asks for.
        """
        if spec.kind == "given":
            if spec.names != tuple(self._part_rows):
                raise SchemaError(
                    f"split 'given' into {', '.join(spec.names)}: the source comes divided into "
                    f"{', '.join(self._part_rows) or 'nothing'}"
                )
            return Split(spec, seed, tuple(np.cumsum([*self._part_rows.values()])[:-1].tolist()))
        column = spec.key_column(self.schema)
        if not spec.chronological or column is None:
            return Split(spec, seed)
        counts = pl.concat(block.frame.group_by(column).len() for block in self.blocks([column]))
        counts = counts.group_by(column).agg(pl.col("len").sum()).sort(column)
        seconds = counts[column].to_numpy()
        rows = counts["len"].to_numpy().astype(np.int64)
        return chronological_split(spec, seconds, rows, seed)

    def parts(self, split: Split, block: Block) -> npt.NDArray[np.uint8]:
        """The part number of each row of a block, uint8 `[n]`; the block holds the key column."""
        column = split.spec.key_column(self.schema)
        return split.assign(block.row_numbers if column is None else id_keys(block.frame[column]))

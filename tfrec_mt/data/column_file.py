"""One stored column, read in slices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

from tfrec_mt.schema import DataError

# stored columns of equal length by `<group>/<name>`
Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class ColumnFile:
    """A NumPy file whose first dimension counts rows.

    Slices are read, not mapped. A file that shrinks while in use then raises an error that names it
    instead of a bus error, and no file stays open, however many shards there are. `offset` is the
    number of bytes before the first element.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    @classmethod
    def open(cls, path: Path, rows: int | None = None) -> "ColumnFile":
        """Reads the header and checks that the file has its size and, if given, that many rows.

        Raises:
          DataError: The file is missing, not a NumPy file, or has another size.
        """
        try:
            with path.open("rb") as file:
                version = np.lib.format.read_magic(file)
                if version != (1, 0):
                    raise ValueError(f"expected NumPy file format (1, 0), got {version}")
                shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
                offset = file.tell()
                size = file.seek(0, 2)
        except FileNotFoundError:
            raise DataError(f"{path}: the manifest lists it, but there is no such file") from None
        except (ValueError, SyntaxError, TokenError) as error:
            raise DataError(f"{path}: not a column file: {error}") from error
        expected = offset + math.prod(shape) * dtype.itemsize  # NumPy's product would overflow
        if fortran or dtype.hasobject or size != expected or min(shape, default=0) < 0:
            raise DataError(
                f"{path}: expected {expected} bytes for {dtype} {list(shape)}, got {size}"
            )
        if rows is not None and shape[:1] != (rows,):
            raise DataError(f"{path}: expected {rows} rows, got shape {list(shape)}")
        return cls(path, dtype, shape, offset)

    def mapped(self) -> npt.NDArray[Any]:
        """The column as a memory map; an empty one cannot be mapped and is read."""
        if not self.shape[0]:
            return self.read()
        # A plain array over the map: indexing a memmap object costs several times as much.
        mapped: npt.NDArray[Any] = np.load(self.path, mmap_mode="r").view(np.ndarray)
        return mapped

    def read(self) -> npt.NDArray[Any]:
        """The whole column.

        Raises:
          DataError: The file ends early.
        """
        values = np.empty(self.shape, self.dtype)
        self.read_into(values, [(0, self.shape[0])])
        return values

    def read_into(self, target: npt.NDArray[Any], pieces: Sequence[tuple[int, int]]) -> None:
        """Fills `target` `[n, ...]`, contiguous and of this type, with `n` rows of the column.

        Args:
          target: The destination.
          pieces: First row of each piece, and the row after its last.

        Raises:
          DataError: The file ends early.
        """
        row_bytes = self.dtype.itemsize * int(np.prod(self.shape[1:]))
        wanted = target.reshape(-1).view(np.uint8).data
        at = 0
        with self.path.open("rb", buffering=0) as file:
            for start, stop in pieces:
                file.seek(self.offset + start * row_bytes)
                end = at + (stop - start) * row_bytes
                while at < end:
                    got = file.readinto(wanted[at:end])
                    if not got:
                        raise DataError(
                            f"{self.path}: ends {end - at} bytes short of row {stop}; "
                            "it has shrunk since it was opened"
                        )
                    at += got

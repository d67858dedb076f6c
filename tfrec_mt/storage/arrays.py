"""Reads untrusted NumPy files; one that is not as large as it claims is refused unread."""

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from tfrec_mt.errors import DataError


def read_array(path: Path) -> npt.NDArray[Any]:
    """The array in a `.npy` file.

    Raises:
      DataError: It is none, holds objects, or is not as long as its header says.
      OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return _read(file, path.stat().st_size, str(path))


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays in a `.npz` file as `numpy.savez` writes it, by name.

    Raises:
      DataError: It is none, is compressed, or see `read_array`.
      OSError: It cannot be read.
    """
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.compress_type != zipfile.ZIP_STORED:
                    raise DataError(f"{path}: expected arrays that are not compressed")
                with archive.open(entry) as file:
                    name = entry.filename.removesuffix(".npy")
                    found[name] = _read(file, entry.file_size, f"{path}: {entry.filename}")
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: expected arrays as numpy.savez writes them: {error}") from error
    return found


def _read(file: IO[bytes], size: int, where: str) -> npt.NDArray[Any]:
    try:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(file)
        expected = file.tell() + math.prod(shape) * dtype.itemsize
        if dtype.hasobject or min(shape, default=0) < 0 or size != expected:
            raise DataError(
                f"{where}: expected {expected} bytes for {dtype} {[*shape]}, got {size}"
            )
        file.seek(0)
        array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    except DataError:
        raise
    except (KeyError, ValueError, EOFError) as error:
        raise DataError(f"{where}: expected a NumPy file: {error}") from error
    return array

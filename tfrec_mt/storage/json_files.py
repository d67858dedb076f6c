"""Reads untrusted JSON: its size is bounded before memory is taken; bad text is a `DataError`."""

import json
from pathlib import Path
from typing import Any

from tfrec_mt.errors import DataError

MOST_BYTES = 128 << 20
# An empty list or object takes 2 bytes of text and a hundred times as much memory.
MOST_CONTAINERS = 1_000_000
MOST_VALUES = 5_000_000
MOST_DEPTH = 100


def read_json(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """The value in a JSON file.

    Args:
      path: The file, in UTF-8.
      most_bytes: Largest size.

    Raises:
      FileNotFoundError: It is not there.
      DataError: It is larger, not UTF-8, not JSON, or holds or nests more than any file of ours.
    """
    return parse_json(read_bytes(path, most_bytes), str(path), most_bytes)


def read_bytes(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """The content of a small file.

    Raises:
      FileNotFoundError: It is not there.
      DataError: It is larger, or no file.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: expected a file, got a folder or a device")
    if (size := path.stat().st_size) > most_bytes:
        raise _too_large(str(path), size, most_bytes)
    with path.open("rb") as file:
        return file.read(size)


def parse_json(text: str | bytes, where: str, most_bytes: int = MOST_BYTES) -> Any:
    """The value that JSON describes; see `read_json`.

    Args:
      text: JSON, in UTF-8 if it is bytes.
      where: Names it in errors.
      most_bytes: Largest size.
    """
    if len(text) > most_bytes:
        raise _too_large(where, len(text), most_bytes)
    try:
        plain = text if isinstance(text, str) else text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise DataError(
            f"{where}: not JSON: expected UTF-8, got byte {byte:#04x} at offset {error.start}"
        ) from error
    _check_count(where, plain.count("[") + plain.count("{"), MOST_CONTAINERS, "lists and objects")
    _check_count(where, plain.count(","), MOST_VALUES, "values")
    too_deep = DataError(
        f"{where}: not JSON of ours: lists and objects nest deeper than {MOST_DEPTH}"
    )
    try:
        value = json.loads(plain)
    except RecursionError:
        raise too_deep from None
    except ValueError as error:
        raise DataError(f"{where}: not JSON: {error}") from error
    if _nests_deeper(value, MOST_DEPTH):
        raise too_deep
    return value


def _check_count(where: str, found: int, most: int, what: str) -> None:
    if found > most:
        raise DataError(f"{where}: expected at most {most:,} {what}, got {found:,}")


def _nests_deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth + 1):
        inside = [one for one in level if isinstance(one, dict | list)]
        level = [
            child for one in inside for child in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _too_large(where: str, found: int, most: int) -> DataError:
    return DataError(f"{where}: expected at most {most:,} bytes, got {found:,}")

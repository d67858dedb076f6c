"""SHA-256 of files, written and verified."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from tfrec_mt.errors import DataError


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder by relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hash_file(path) for path in files}


def verify_files(folder: Path, hashes: Mapping[str, str]) -> None:
    """Checks that each file is there and unchanged.

    Raises:
      DataError: Names the file that is missing or differs.
    """
    for name, expected in hashes.items():
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path} is missing")
        found = hash_file(path)
        if found != expected:
            raise DataError(f"{path} is damaged: SHA-256 {found[:12]}, expected {expected[:12]}")

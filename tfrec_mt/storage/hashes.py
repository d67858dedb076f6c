"""SHA-256 of files, written and verified."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from tfrec_mt.errors import DataError
from tfrec_mt.storage.inside import check_inside, files_inside


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder by relative path; see `files_inside`."""
    return {path.relative_to(folder).as_posix(): hash_file(path) for path in files_inside(folder)}


def verify_files(folder: Path, hashes: Mapping[str, str]) -> None:
    """Checks that each file is there and unchanged.

    Raises:
      DataError: Names the file that is missing, differs or lies elsewhere.
    """
    if not isinstance(hashes, Mapping):
        raise DataError(f"{folder}: expected the hash of each of its files, got {hashes!r:.80}")
    check_inside(folder, hashes, folder)
    for name, expected in hashes.items():
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path} is missing")
        found = hash_file(path)
        if found != expected:
            raise DataError(f"{path} is damaged: SHA-256 {found[:12]}, expected {expected[:12]}")

"""SHA-256 of files, written and verified."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tfrec_mt.errors import DataError
from tfrec_mt.storage.inside import check_inside, files_inside

_MOST_THREADS = 4


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(folder: Path, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """SHA-256 of every file below a folder by relative path; see `files_inside`.

    Args:
      folder: The folder.
      known: Hashes of some files, which are not read.
    """
    known = known or {}
    paths = {path.relative_to(folder).as_posix(): path for path in files_inside(folder)}
    return {name: known.get(name) or hash_file(path) for name, path in paths.items()}


def verify_files(folder: Path, hashes: Mapping[str, str], listed_in: str = "manifest.json") -> None:
    """Checks that each file is there and unchanged.

    Args:
      folder: Where they lie.
      hashes: SHA-256 by path inside the folder.
      listed_in: The file that the hashes are from.

    Raises:
      DataError: Names the first file that is missing, differs or lies elsewhere.
    """
    if not isinstance(hashes, Mapping) or not all(isinstance(x, str) for x in hashes.values()):
        raise DataError(f"{folder}: expected the hash of each of its files, got {hashes!r:.80}")
    check_inside(folder, hashes, folder / listed_in)
    missing = next((name for name in hashes if not (folder / name).is_file()), None)
    if missing is not None:
        raise DataError(f"{folder / missing} is missing; {listed_in} lists it")
    # hashing releases the GIL
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as threads:
        found = threads.map(lambda name: hash_file(folder / name), hashes)
        for (name, expected), digest in zip(hashes.items(), found, strict=True):
            if digest != expected:
                content = f"the content that {listed_in} was written for"
                raise DataError(changed(folder / name, content, expected, digest))


def changed(path: Path, content: str, expected: str, found: str) -> str:
    """The error text for a file whose SHA-256 is not the expected one."""
    return (
        f"{path}: expected {content} (SHA-256 {expected[:12]}…), got {found[:12]}…; "
        "the file was changed or damaged since"
    )


class VerifiedFiles:
    """Files of a folder, each compared with its hash once, before it is first used.

    Args:
      folder: Where they lie.
      hashes: SHA-256 by path inside the folder.
      listed_in: The file that the hashes are from.
    """

    def __init__(self, folder: Path, hashes: Mapping[str, str], listed_in: str) -> None:
        self._folder, self._listed_in = folder, listed_in
        self._hashes = dict(hashes)
        self._verified: set[str] = set()

    def below(self, *folders: str) -> list[str]:
        """Paths of the files below any of the folders."""
        starts = tuple(f"{folder}/" for folder in folders)
        return [name for name in self._hashes if name.startswith(starts)]

    def use(self, names: Iterable[str]) -> None:
        """Verifies those files that have not been verified yet, before they are read.

        Raises:
          DataError: See `verify_files`.
        """
        chosen = {name: self._hashes[name] for name in names if name not in self._verified}
        verify_files(self._folder, chosen, self._listed_in)
        self._verified |= chosen.keys()

    def verify(self) -> None:
        """Verifies every file, even one already verified.

        Raises:
          DataError: See `verify_files`.
        """
        verify_files(self._folder, self._hashes, self._listed_in)

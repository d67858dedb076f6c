"""What a refusal must not do: touch a file, take long, or take much memory."""

import contextlib
import hashlib
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SECRET = "secret.txt"  # that nobody may read or change
MOST_SECONDS = 5.0  # of processor time
MOST_KILOBYTES = 1_000_000


def tree(folder: Path) -> dict[str, str]:
    """Everything below a folder, with the hash of its content; sparse giants by their size."""
    found = {}
    for path in sorted(folder.rglob("*")):
        told = "folder" if path.is_dir() else "other"
        if path.is_file():
            size = path.stat().st_size
            small = size < 1 << 24
            told = hashlib.sha256(path.read_bytes()).hexdigest() if small else str(size)
        found[path.relative_to(folder).as_posix()] = told
    return found


@contextlib.contextmanager
def refused(folder: Path, error: type[Exception], match: str | None = None) -> Iterator[None]:
    """The block must raise, in a single sentence, and leave everything below a folder as it was."""
    before, start = tree(folder), time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(error, match=match) as found:
        yield
    assert time.process_time() - start < MOST_SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < MOST_KILOBYTES
    assert tree(folder) == before
    assert len(str(found.value)) < 2_000

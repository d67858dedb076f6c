"""What a refusal must not do: touch a file, take long, or take much memory."""

import contextlib
import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SECRET = "secret.txt"  # that nobody may read or change
MOST_SECONDS = 5.0  # of processor time
MOST_KILOBYTES = 1_000_000


class Memory:
    """Resident memory of this process, in kilobytes.

    The peak that `getrusage` tells starts with the parent's, and never falls: after a test that
    needs much, another could take as much unseen. This one starts where it is told to.
    """

    highest = 0  # of all that was measured

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is what is held now
        self.held = self._peak()

    def taken(self) -> int:
        """The most that was held since the start, beyond what was held then."""
        peak = self._peak()
        Memory.highest = max(Memory.highest, peak)
        return peak - self.held

    @staticmethod
    def _peak() -> int:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        assert found is not None
        return int(found[1])


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
    memory = Memory()
    with pytest.raises(error, match=match) as found:
        yield
    assert time.process_time() - start < MOST_SECONDS
    assert memory.taken() < MOST_KILOBYTES
    assert tree(folder) == before
    assert len(str(found.value)) < 2_000

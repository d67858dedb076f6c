"""Checks whether a disk has room for a write, and whether an error says that it ran out."""

import errno
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Self

# Indexes, JSON and logs besides the data.
_SLACK_BYTES = 1 << 20

# The wording of Polars, Arrow, safetensors and TensorFlow, and of NumPy, which only gives numbers.
_FULL = re.compile(
    r"no space left|os error 28|disk quota exceeded|storagefull|\d+ requested and \d+ written", re.I
)


class DiskFullError(OSError):
    """A disk has no room; says where, how much is needed and how much is free."""

    @classmethod
    def after(cls, target: Path, written: Path) -> Self:
        """The error for a `target` that could not be written beyond what `written` holds."""
        return cls(
            f"{target} could not be written: No space left on device after "
            f"{_megabytes(size_of(written))} of it, which were removed again; it needs more than "
            "that: free some space or choose another disk, and run the command again"
        )


def is_disk_full(error: BaseException) -> bool:
    """Whether an error of any library, or one of its causes, says that a disk is full."""
    return any(
        getattr(one, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or _FULL.search(str(one))
        for one in _chain(error)
    )


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; 0 if there is none."""
    files = [path, *path.rglob("*")]
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())


def check_free_space(folder: Path, needed: int, purpose: str) -> None:
    """Checks that a disk has room before work starts.

    Args:
      folder: Where will be written; it, or the nearest folder above, exists.
      needed: Bytes to be written beside what is there.
      purpose: What they are, for the error.

    Raises:
      DiskFullError: There is less room.
    """
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < needed + _SLACK_BYTES:
        raise DiskFullError(
            f"{folder}: {purpose} need {_megabytes(needed + _SLACK_BYTES)}, "
            f"the disk has {_megabytes(free)} free"
        )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and its causes."""
    found: BaseException | None = error
    while found is not None:
        yield found
        hidden = found.__suppress_context__
        found = found.__cause__ or (None if hidden else found.__context__)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"

"""Whether a disk has room for what is about to be written."""

import shutil
from pathlib import Path

# Indexes, JSON and logs beside the data.
_SLACK_BYTES = 1 << 20


class DiskFullError(OSError):
    """A disk has no room; says where, how much is needed and how much is free."""


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


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"

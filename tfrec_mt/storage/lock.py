"""One writer per folder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class LockedError(RuntimeError):
    """Another process writes to the folder."""


def is_running(process: int) -> bool:
    """Whether this machine runs a process with that number."""
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def lock(folder: Path) -> int | None:
    """Locks an existing folder itself, until the descriptor is closed or the process ends.

    Returns:
      The descriptor, or None if it is locked already.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def check_links(path: Path) -> None:
    """Checks that no link on the path to an output is broken.

    Raises:
      FileNotFoundError: Names the link.
    """
    for link in (path, *path.parents):
        if link.is_symlink() and not link.exists():
            raise FileNotFoundError(
                f"{link} is a link to {link.readlink()}, which does not exist; remove the "
                "link or choose another output"
            )


@contextlib.contextmanager
def locked_folder(folder: Path, wait: bool = False) -> Iterator[None]:
    """Locks a folder, made if needed, until the block or the process ends.

    Args:
      folder: The folder.
      wait: Whether to wait until no other process holds it.

    Raises:
      FileNotFoundError: It is, or lies below, a link to what is not there.
      LockedError: Names the process that holds it.
    """
    check_links(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise LockedError(f"{folder} is in use by process {holder}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield

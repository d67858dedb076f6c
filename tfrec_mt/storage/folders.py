"""Folders and files that appear only when they are complete."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tfrec_mt.storage.disk_space import DiskFullError, is_disk_full
from tfrec_mt.storage.lock import LockedError, check_links, is_running, lock

_SWEPT: set[Path] = set()  # folders whose leftovers this process has looked for


def sync(path: Path) -> None:
    """Flushes a file's or folder's content to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_absent(target: Path, kind: str) -> None:
    """Checks that `target`, a "file" or "folder" (`kind`) to be written, does not exist.

    Raises:
      FileExistsError: Something is; nothing is ever overwritten.
      FileNotFoundError: It is, or lies below, a link to what is not there.
    """
    check_links(target)
    if target.exists():
        raise FileExistsError(f"{target} exists; choose another {kind} or move it away")


@contextlib.contextmanager
def published_folder(target: Path) -> Iterator[Path]:
    """Yields a new folder next to `target` that is renamed to it when the block succeeds.

    Until then `target` does not exist. A failed block leaves nothing behind, and what a killed
    process left is removed.

    Raises:
      DiskFullError: The block ran out of space.
      FileExistsError: `target` exists; nothing is ever overwritten.
      FileNotFoundError: `target` is, or lies below, a link to what is not there.
      LockedError: Another process is writing it; names that process.
    """
    with _published(target, "folder") as temporary:
        yield temporary


@contextlib.contextmanager
def published_file(target: Path) -> Iterator[Path]:
    """Yields a path next to `target` whose file is renamed to it when the block succeeds.

    Raises:
      DiskFullError: The block ran out of space.
      FileExistsError: `target` exists; nothing is ever overwritten.
      FileNotFoundError: `target` is, or lies below, a link to what is not there.
    """
    with _published(target, "file") as temporary:
        yield temporary


def write_text(path: Path, text: str) -> None:
    """Replaces a text file in one step: a reader sees the old one or the new one."""
    with _beside(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        sync(temporary)
        temporary.replace(path)


@contextlib.contextmanager
def _published(target: Path, kind: str) -> Iterator[Path]:
    check_absent(target, kind)
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        _remove_left_folders(target)
    with _beside(target) as temporary, contextlib.ExitStack() as held:
        if kind == "folder":
            held.enter_context(_held(temporary))
        yield temporary
        for path in (temporary, *temporary.rglob("*")):
            sync(path)
        if target.exists():
            raise FileExistsError(f"{target} appeared while it was being written")
        temporary.rename(target)
        sync(target.parent)


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Yields a path next to `target`; what is there is removed before and after the block."""
    temporary = target.with_name(f".tmp-{target.name}-{os.getpid()}")
    _remove_left_files(target.parent)
    _remove(temporary)
    try:
        yield temporary
    except DiskFullError as error:
        raise DiskFullError(str(error).replace(str(temporary), str(target))) from error
    except Exception as error:
        if is_disk_full(error):
            raise DiskFullError.after(target, temporary) from error
        raise
    finally:
        _remove(temporary)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Makes and locks a folder, so that others can tell it from one of a killed process."""
    folder.mkdir()
    descriptor = lock(folder)
    if descriptor is None:
        raise LockedError(f"{folder} is in use by another process")
    try:
        yield
    finally:
        os.close(descriptor)


def _remove_left_folders(target: Path) -> None:
    """Removes temporary folders that killed processes of this release or the last have left.

    Raises:
      LockedError: A process is still writing it.
    """
    name = re.escape(target.name)
    for path, process in _named(target.parent, rf"(?:\.tmp-{name}-|{name}\.tmp-)(\d+)"):
        if path.is_dir():
            # a folder's writer locks it, even where its process has another number
            descriptor = lock(path)
            if descriptor is None:
                raise LockedError(f"{target} is in use by process {process}")
            _remove(path)
            os.close(descriptor)


def _remove_left_files(folder: Path) -> None:
    """Removes files that killed processes have left in a folder; looks once per folder."""
    if folder in _SWEPT or not folder.is_dir():
        return
    _SWEPT.add(folder)
    for path, process in _named(folder, r"\.tmp-.+-(\d+)"):
        if not path.is_dir() and not is_running(process):
            _remove(path)


def _named(folder: Path, pattern: str) -> list[tuple[Path, int]]:
    """The entries of a folder whose names match, except links, with the number in each name."""
    found = [(path, re.fullmatch(pattern, path.name)) for path in folder.iterdir()]
    return [(path, int(match[1])) for path, match in found if match and not path.is_symlink()]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)

"""Folders and files that appear only when they are complete."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


def sync(path: Path) -> None:
    """Returns when a file's or folder's content is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def published_folder(target: Path) -> Iterator[Path]:
    """Yields a new folder beside `target` that takes its name when the block ends well.

    Whatever happens before, `target` does not exist; a failed block leaves nothing behind.

    Raises:
      FileExistsError: `target` exists; nothing is ever overwritten.
    """
    with _published(target, "folder") as temporary:
        temporary.mkdir()
        yield temporary


@contextlib.contextmanager
def published_file(target: Path) -> Iterator[Path]:
    """Yields a path beside `target` whose file takes its name when the block ends well.

    Raises:
      FileExistsError: `target` exists; nothing is ever overwritten.
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
    if target.exists():
        raise FileExistsError(f"{target} exists; choose another {kind} or move it away")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _beside(target) as temporary:
        yield temporary
        for path in (temporary, *temporary.rglob("*")):
            sync(path)
        if target.exists():
            raise FileExistsError(f"{target} appeared while it was being written")
        temporary.rename(target)
        sync(target.parent)


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A free path beside `target`; what is there before or after the block is removed."""
    temporary = target.with_name(f".tmp-{target.name}-{os.getpid()}")
    _remove(temporary)
    try:
        yield temporary
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)

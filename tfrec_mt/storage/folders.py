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
    if target.exists():
        raise FileExistsError(f"{target} exists; choose another folder or move it away")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".tmp-{target.name}-{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for path in (temporary, *temporary.rglob("*")):
            sync(path)
        if target.exists():
            raise FileExistsError(f"{target} appeared while it was being written")
        temporary.rename(target)
        sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def published_file(target: Path) -> Iterator[Path]:
    """Yields a path beside `target` whose file takes its name when the block ends well.

    Raises:
      FileExistsError: `target` exists; nothing is ever overwritten.
    """
    if target.exists():
        raise FileExistsError(f"{target} exists; choose another file or move it away")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".tmp-{target.name}-{os.getpid()}")
    try:
        yield temporary
        sync(temporary)
        if target.exists():
            raise FileExistsError(f"{target} appeared while it was being written")
        temporary.rename(target)
        sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replaces a text file in one step: a reader sees the old one or the new one."""
    temporary = path.with_name(f".tmp-{path.name}-{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

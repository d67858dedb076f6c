"""Small disks and folders that nobody may write to, root among them."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[None]:
    """Mounts on a folder what arguments of `mount` say; skips the test where that is forbidden."""
    _mount(*arguments, str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing below a folder can be changed, as on a file system that is mounted so."""
    with mounted(folder, "--bind", str(folder)):
        _mount("-o", "remount,bind,ro", str(folder))
        yield


def _mount(*arguments: str) -> None:
    command = ["mount", *arguments]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip(f"needs the right to {' '.join(command)}")

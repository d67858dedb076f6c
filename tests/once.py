"""What all processes of a run of pytest share."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tfrec_mt.storage.lock import locked_folder


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first process to need it has filled; nobody may change what lies there."""
    root = Path(factory.getbasetemp())
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, made = root / "once" / name, root / "once" / f"{name}.made"
    with locked_folder(root / "once" / f"{name}.lock", wait=True):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed
            folder.mkdir(parents=True)
            make(folder)
            made.touch()
    return folder

"""Public data, which is not part of this project."""

import os
from pathlib import Path

import pytest

from tfrec_mt.data.sources.public_folder import DATA_VARIABLE


def real_folder(name: str) -> Path:
    """Where a data set lies; a test whose data set is not on this machine is skipped."""
    root = os.environ.get(DATA_VARIABLE)
    if not root:
        pytest.skip(f"{DATA_VARIABLE} is not set: it names a folder that holds {name}")
    folder = Path(root) / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder

"""The export that all of these ask."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import tensorflow as tf

import tfrec_mt as mt
from tests.faults.requests.asked import ROWS, Rows, make_export
from tests.once import made_once
from tfrec_mt.serving.requests import row_tensors


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "asked", make_export)


@pytest.fixture(scope="session")
def log(folder: Path) -> mt.PreparedDataset:
    return mt.PreparedDataset(folder / "data")


@pytest.fixture(scope="session")
def version(folder: Path) -> Path:
    return folder / "ranking" / "1"


@pytest.fixture(scope="session")
def loaded(version: Path) -> Any:
    return tf.saved_model.load(str(version))


@pytest.fixture(scope="session")
def rows(log: mt.PreparedDataset, loaded: Any) -> Rows:
    specs = loaded.signatures["serving_default"].structured_input_signature[1]
    # users with a history, so that there is something to be wrong with
    asked = log.requests().filter(pl.col("history_iid").list.len() >= 2)
    return row_tensors(asked.head(ROWS), dict(specs))

"""A small generated click log for the tests of preparation and reading."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.click_logs import ClickLog, click_log_schema
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.source import Source
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import Schema

ClickLogs = Callable[..., ClickLog]
Prepare = Callable[..., PreparedDataset]


@pytest.fixture
def click_log() -> type[ClickLog]:
    return ClickLog


@pytest.fixture
def schema_of() -> Callable[..., Schema]:
    return click_log_schema


@pytest.fixture
def prepared(tmp_path: Path) -> Prepare:
    """Prepares a log: `prepared(source, "train:3,test:1", "days", **options)`."""

    def run(
        source: Source, parts: str = "train:3,test:1", kind: str = "days", **options: Any
    ) -> PreparedDataset:
        number = len(list(tmp_path.iterdir()))
        return prepare(source, tmp_path / f"set{number}", SplitSpec.parse(parts, kind), **options)

    return run

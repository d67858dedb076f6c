from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfrec_mt.data.preparation import spool as spool_module
from tfrec_mt.data.preparation.spool import Spool
from tfrec_mt.data.source import Chunk, Source
from tfrec_mt.schema import DataError, Schema


class Counted(Source):
    """Passes a source on and counts how often it is gone through."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.passes = 0

    @property
    def schema(self) -> Schema:
        return self.source.schema

    def chunks(self) -> Iterator[Chunk]:
        self.passes += 1
        return self.source.chunks()


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "ROWS_PER_FILE", 150)


def test_rows_keep_their_order_and_the_source_is_read_once(
    click_log: Callable[..., Source], tmp_path: Path, small_files: None
) -> None:
    source = Counted(click_log(rows=500))
    spool = Spool.write(source, tmp_path / "spool")
    blocks = [*spool.blocks(["request", "load"]), *spool.blocks(["time"])]
    assert source.passes == 1
    assert spool.rows == 500
    assert [block.frame.height for block in blocks] == [150, 150, 150, 50] * 2
    requests = pl.concat([block.frame["request"] for block in blocks[: len(blocks) // 2]])
    assert requests.to_list() == [row // 5 for row in range(500)]
    assert blocks[1].frame.columns == ["request", "load"]
    assert blocks[1].row_numbers[0] == blocks[1].first_row == blocks[0].frame.height


def test_take_returns_rows_in_the_order_asked_for(
    click_log: Callable[..., Source], tmp_path: Path, small_files: None
) -> None:
    spool = Spool.write(click_log(rows=500), tmp_path / "spool")
    rows = np.array([499, 3, 250, 3, 0])
    assert spool.take(rows, ["request"])["request"].to_list() == [99, 0, 50, 0, 0]
    assert spool.take(rows[:0], ["request"]).height == 0


def test_a_source_without_rows_is_an_error(
    click_log: Callable[..., Source], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="the source yields no rows"):
        Spool.write(click_log(rows=0), tmp_path / "spool")

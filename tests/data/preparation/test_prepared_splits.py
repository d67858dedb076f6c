"""Splits that nobody gave, and preparations that are refused."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.source import Chunk, Source
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import DataError, Schema, SchemaError

Prepare = Callable[..., PreparedDataset]
SourceOf = Callable[..., Any]
SchemaOf = Callable[..., Schema]


class Divided(Source):
    """Another source's rows, said to come in two parts."""

    parts = ("early", "late")

    def __init__(self, source: Source) -> None:
        self.source = source

    @property
    def schema(self) -> Schema:
        return self.source.schema

    def chunks(self) -> Iterator[Chunk]:
        first, *others = self.source.chunks()
        yield dataclasses.replace(first, part="early")
        yield from (dataclasses.replace(chunk, part="late") for chunk in others)


@pytest.mark.parametrize(
    ("timed", "requests", "kind"),
    [
        (True, True, "time"),
        (True, False, "time"),
        (False, True, "request"),
        (False, False, "random"),
    ],
)
def test_the_split_that_is_not_given_is_the_strictest_that_the_keys_allow(
    click_log: SourceOf,
    schema_of: SchemaOf,
    tmp_path: Path,
    timed: bool,
    requests: bool,
    kind: str,
) -> None:
    source = click_log(log_schema=schema_of(timed=timed, request=requests))
    split = prepare(source, tmp_path / "data").manifest.split
    assert (split.kind, split.parts) == (kind, "train:6,fresh:1,test:1")


def test_what_comes_divided_stays_so_if_no_split_is_given(
    click_log: SourceOf, tmp_path: Path
) -> None:
    dataset = prepare(Divided(click_log()), tmp_path / "data")
    assert dataset.manifest.split.kind == "given"
    assert {part: dataset.rows(part) for part in dataset.parts} == {"early": 97, "late": 503}


def test_the_manifest_counts_the_days_that_a_part_takes(
    click_log: SourceOf, prepared: Prepare
) -> None:
    rest = prepared(click_log(days=6), "train:*,fresh:1,test:1").manifest
    assert rest == prepared(click_log(days=6), "train:4,fresh:1,test:1").manifest
    assert rest.split.parts == "train:4,fresh:1,test:1"


class TestRefusals:
    """Each leaves nothing behind."""

    def test_an_existing_output(self, click_log: SourceOf, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        with pytest.raises(FileExistsError, match="out exists"):
            prepare(click_log(), tmp_path / "out", SplitSpec.parse("train:1", "random"))
        assert [path.name for path in tmp_path.rglob("*")] == ["out"]

    @pytest.mark.parametrize(
        ("parts", "kind", "error", "message"),
        [
            ("train:1,test:1", "days", DataError, "counts 2 days, but the log covers 4"),
            ("train:*,test:4", "days", DataError, "asks for 4 days .* but the log covers 4"),
            ("train:1,tiny:1e-9", "random", DataError, "leaves part 'tiny' empty; rows per part"),
            ("tiny:1e-9,test:1", "random", DataError, "leaves part 'tiny' empty; rows per part"),
        ],
    )
    def test_a_split_that_does_not_fit(
        self, click_log: SourceOf, tmp_path: Path, parts: str, kind: str, error: type[Exception],
        message: str,
    ) -> None:  # fmt: skip
        with pytest.raises(error, match=message):
            prepare(click_log(), tmp_path / "out", SplitSpec.parse(parts, kind))
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("kind", "message"),
        [("time", "needs keys.timestamp.*split by 'random'$"), ("request", "needs keys.request")],
    )
    def test_a_split_by_a_key_that_the_schema_lacks(
        self, click_log: SourceOf, schema_of: SchemaOf, tmp_path: Path, kind: str, message: str
    ) -> None:
        source = click_log(log_schema=schema_of(timed=False, request=False))
        with pytest.raises(SchemaError, match=message):
            prepare(source, tmp_path / "out", SplitSpec.parse("train:1,test:1", kind))
        assert not list(tmp_path.iterdir())

    def test_a_broken_row_late_in_the_source(self, click_log: SourceOf, tmp_path: Path) -> None:
        good = click_log()

        class Broken(Source):
            schema = good.schema

            def chunks(self) -> Iterator[Chunk]:
                yield from good.chunks()
                table = good.table().slice(0, 3)
                place = table.column_names.index("click")
                yield Chunk(table.set_column(place, "click", [[0, 7, 1]]), "late.csv", 601)

        with pytest.raises(DataError, match=r"late\.csv.*602.*click"):
            prepare(Broken(), tmp_path / "out", SplitSpec.parse("train:1", "random"))
        assert not list(tmp_path.iterdir())

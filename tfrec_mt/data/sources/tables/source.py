"""`TableSource`: a public table as a click log."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from tfrec_mt.data.casting import cast_column
from tfrec_mt.data.raw_columns import Column, Place
from tfrec_mt.data.source import Chunk, Source
from tfrec_mt.data.sources.tables.table import ONE_ITEM, ROW, Table
from tfrec_mt.schema import (
    CategoricalFeature,
    DataError,
    Keys,
    NumericFeature,
    Schema,
    Topic,
    Vocabulary,
    click_tasks,
)
from tfrec_mt.tables.delimited import check_columns, read_delimited


class TableSource(Source):
    """The rows of a public table, in the order of its parts and files.

    Args:
      table: Describes the columns.
      data_dir: Folder of the files, as distributed.

    Raises:
      DataError: A part has no file, or a file lacks a column. While reading: a value of the wrong
        type.
    """

    def __init__(self, table: Table, data_dir: str | Path) -> None:
        self._table = table
        self._files = {
            part: sorted(Path(data_dir).glob(pattern)) for part, pattern in table.files.items()
        }
        for part, files in self._files.items():
            if not files:
                raise DataError(
                    f"{data_dir} has no file {table.files[part]}; expected the data as it is "
                    "distributed"
                )
            for file in files:
                check_columns(file, self._raw_columns, ",")

    @property
    def schema(self) -> Schema:
        table = self._table
        classes = [(side, name) for side, names in table.classes.items() for name in names]
        if table.item is None:
            classes.append(("item", ONE_ITEM))
        topics = (*table.topics, *([table.folder_topic] if table.folder_topic else []))
        return Schema(
            vocabularies=tuple(Vocabulary(name=name) for _, name in classes),
            features=(
                *(CategoricalFeature(name=n, vocabulary=n, side=side) for side, n in classes),
                *(
                    NumericFeature(name=name, side=side, buckets=None)
                    for side, names in table.numbers.items()
                    for name in names
                ),
            ),
            tasks=click_tasks(table.click, table.conversion),
            keys=Keys(user=table.user or ROW, item=table.item or ONE_ITEM, request=table.request),
            topics=tuple(Topic(name=name) for name in topics),
        )

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self._files) if len(self._files) > 1 else ()

    def chunks(self) -> Iterator[Chunk]:
        row = 0
        for part, files in self._files.items():
            for file in files:
                first_row = 1
                for text in read_delimited(file, self._raw_columns, delimiter=","):
                    place = Place(str(file), first_row)
                    frame = self._frame(text, file, place, row)
                    yield Chunk(
                        frame.to_arrow(), place.file, first_row, part if self.parts else None
                    )
                    first_row += frame.height
                    row += frame.height

    @property
    def _raw_columns(self) -> list[str]:
        return [self._table.renamed.get(name, name) for name in self._table.columns]

    def _frame(self, text: pl.DataFrame, file: Path, place: Place, row: int) -> pl.DataFrame:
        table = self._table
        frame = text.rename(dict(zip(self._raw_columns, table.columns, strict=True)))
        labels = [name for name in (table.click, table.conversion) if name]
        numbers = [name for names in table.numbers.values() for name in names]
        typed = [*(Column(n, "label") for n in labels), *(Column(n, "number") for n in numbers)]
        added = []
        if table.user is None:
            added.append(pl.int_range(row, row + frame.height).alias(ROW))
        if table.item is None:
            added.append(pl.lit(ONE_ITEM).alias(ONE_ITEM))
        if table.folder_topic:
            domain = file.parent.name.rpartition("_")[2]
            added.append(pl.lit(domain).alias(table.folder_topic))
        return frame.with_columns(
            *(cast_column(frame[column.name], column, place) for column in typed), *added
        )

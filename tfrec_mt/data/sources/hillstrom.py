"""`HillstromSource`: the MineThatData e-mail challenge as a click log."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from tfrec_mt.data.casting import cast_column
from tfrec_mt.data.raw_columns import Column, Place
from tfrec_mt.data.source import Chunk, Source
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

FILE = "hillstrom.csv"
CAMPAIGN = "campaign"

_CLASSES = ("recency", "mens", "womens", "newbie")
_TOPICS = {
    "channel": ("Multichannel", "Phone", "Web"),
    "zip_code": ("Rural", "Surburban", "Urban"),  # as the file spells them
    "segment": ("Mens E-Mail", "No E-Mail", "Womens E-Mail"),
}
_TYPED = (Column("visit", "label"), Column("conversion", "label"), Column("history", "number"))
_COLUMNS = (*_CLASSES, "history", *_TOPICS, "visit", "conversion")


class HillstromSource(Source):
    """64,000 customers of a shop: a third got one e-mail, a third another, and a third none.

    A visit within two weeks is a click, a purchase a conversion. Features are what was known
    before: months since the last purchase, the amount spent in the year before, whether on men's or
    women's goods, and whether the customer is new; `history_segment` is left out, as it bins the
    amount. Topics are the channel of earlier purchases, the kind of zip code, and the segment,
    which was drawn at random. The item is the campaign, shared by all rows; a customer's id is the
    row number.

    Args:
      data_dir: Folder of `hillstrom.csv`, as distributed.

    Raises:
      DataError: The file is missing or lacks a column. While reading: a value of the wrong type.

    Reference:
      Hillstrom, The MineThatData E-Mail Analytics And Data Mining Challenge, 2008.
    """

    def __init__(self, data_dir: str | Path) -> None:
        self._path = Path(data_dir) / FILE
        if not self._path.is_file():
            raise DataError(f"{self._path} does not exist; expected the file of the challenge")
        check_columns(self._path, _COLUMNS, ",")

    @property
    def schema(self) -> Schema:
        return Schema(
            vocabularies=tuple(Vocabulary(name=name) for name in (*_CLASSES, CAMPAIGN)),
            features=(
                *(CategoricalFeature(name=n, vocabulary=n, side="user") for n in _CLASSES),
                NumericFeature(name="history", side="user", buckets=8),
                CategoricalFeature(name=CAMPAIGN, vocabulary=CAMPAIGN, side="item"),
            ),
            tasks=click_tasks("visit", "conversion"),
            keys=Keys(user="customer", item=CAMPAIGN),
            topics=tuple(Topic(name=name, domains=domains) for name, domains in _TOPICS.items()),
        )

    def chunks(self) -> Iterator[Chunk]:
        first_row = 1
        for text in read_delimited(self._path, _COLUMNS, delimiter=","):
            place = Place(str(self._path), first_row)
            frame = text.with_columns(
                *(cast_column(text[column.name], column, place) for column in _TYPED),
                pl.lit("e-mail").alias(CAMPAIGN),
                pl.int_range(first_row, first_row + text.height).alias("customer"),
            )
            yield Chunk(frame.to_arrow(), place.file, first_row)
            first_row += text.height

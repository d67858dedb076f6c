"""What yields raw rows: the one interface between any data set and preparation."""

import abc
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import Schema


@dataclass(frozen=True)
class Chunk:
    """Consecutive raw rows of one file.

    Args:
      table: Raw columns; a missing value is an Arrow null, a bag of ids is a list column.
      file: Name of the file the rows come from, for error messages.
      first_row: Number of the first row in that file, counted from 1 and without the header.
      part: One of the source's `parts`, where it comes divided.
    """

    table: pa.Table
    file: str
    first_row: int = 1
    part: str | None = None


class Source(abc.ABC):
    """A click log in raw form, with a schema whose learned parts are still empty."""

    @property
    @abc.abstractmethod
    def schema(self) -> Schema:
        """Describes the columns of every chunk."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts that the data comes divided into, in the order of the chunks; empty if it does not.

        A split of kind `"given"` keeps them.
        """
        return ()

    @property
    def default_split(self) -> SplitSpec:
        """How the rows are divided if nobody says otherwise: the strictest rule that they allow.

        As they come divided, else in order of time, else whole requests at random, else row by row.
        """
        if self.parts:
            return SplitSpec.given(self.parts)
        keys = self.schema.keys
        if keys.timestamp:
            return SplitSpec.usual("time")
        return SplitSpec.usual("request" if keys.request else "random")

    @abc.abstractmethod
    def chunks(self) -> Iterator[Chunk]:
        """All rows, in chunks that fit memory; every call yields the same chunks in order."""

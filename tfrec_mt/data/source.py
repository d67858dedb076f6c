"""`Source`: the interface between any data set and preparation."""

import abc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from tfrec_mt.data.splits import SplitKind, SplitSpec
from tfrec_mt.schema import Schema, SchemaError


@dataclass(frozen=True)
class Chunk:
    """Consecutive raw rows of one file.

    Args:
      table: Raw columns; a missing value is an Arrow null, a bag of ids is a list column.
      file: Name of the file, for error messages.
      first_row: Number of the first row in that file, counted from 1 and without the header.
      part: One of the source's `parts`, if it has any.
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
        """Parts as published, in the order of the chunks; a split of kind `"given"` keeps them."""
        return ()

    @property
    def rows(self) -> int | None:
        """Total number of rows; None where it is not known before they are read."""
        return None

    @property
    def default_split(self) -> SplitSpec:
        """The strictest rule that the rows allow: as published, by time, by request, by row."""
        if self.parts:
            return SplitSpec.given(self.parts)
        keys = self.schema.keys
        if keys.timestamp:
            return SplitSpec.usual("time")
        return SplitSpec.usual("request" if keys.request else "random")

    @abc.abstractmethod
    def chunks(self) -> Iterator[Chunk]:
        """All rows, in chunks that fit memory; every call yields the same chunks in order."""


class SourceWith(Source):
    """A source read with another schema.

    Args:
      source: The source.
      schema: Takes the place of its own.
    """

    def __init__(self, source: Source, schema: Schema) -> None:
        self._source, self._schema = source, schema

    @property
    def schema(self) -> Schema:
        return self._schema

    @property
    def parts(self) -> tuple[str, ...]:
        return self._source.parts

    @property
    def rows(self) -> int | None:
        return self._source.rows

    @property
    def default_split(self) -> SplitSpec:
        return self._source.default_split

    def chunks(self) -> Iterator[Chunk]:
        return self._source.chunks()


class Divisible(Protocol):
    """What a split needs of a source, of clicks or of news."""

    @property
    def parts(self) -> tuple[str, ...]:
        """See `Source`."""

    @property
    def default_split(self) -> SplitSpec:
        """See `Source`."""


def chosen_split(
    source: Divisible, kind: SplitKind | None = None, parts: str | None = None
) -> SplitSpec:
    """The split of a source; `kind` and `parts` (see `SplitSpec.parse`) default to the source's.

    Raises:
      SchemaError: `given` for a source that is not divided, or parts that contradict it.
    """
    default = source.default_split
    kind = kind or default.kind
    if kind == "given":
        if not source.parts:
            raise SchemaError("split given: the source does not come divided; split otherwise")
        if parts is not None:
            raise SchemaError(
                f"split_parts: the source comes divided into {', '.join(source.parts)}; "
                "leave them out, or say how to split instead"
            )
        return SplitSpec.given(source.parts)
    if parts is not None:
        return SplitSpec.parse(parts, kind)
    return default if kind == default.kind else SplitSpec.usual(kind)

"""What the schema expects of raw columns, and how an error names a place in them."""

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from tfrec_mt.schema import CategoricalFeature, DataError, Schema, SchemaError
from tfrec_mt.tables.notation import TimeUnit

ColumnType = Literal["int64", "string", "key", "number", "label", "timestamp"]

EXPECTED: dict[ColumnType, str] = {
    "int64": "a whole number (an int64 id)",
    "string": "UTF-8 text",
    "key": "an id, a whole number or UTF-8 text",
    "number": "a finite number",
    "label": "0, 1 or null",
    "timestamp": "seconds since 1970 (not milliseconds) or a time in ISO 8601",
}


@dataclass(frozen=True)
class Column:
    """The type that the schema expects of one raw column.

    Args:
      name: Column name.
      type: Type of one value; `"key"` keeps integers and text.
      bag: Whether a row holds a list of values.
      private: Whether error messages must not show its values (they identify a person).
      separator: See `CategoricalFeature`.
      time_unit: See `Keys`.
      time_format: See `Keys`.
    """

    name: str
    type: ColumnType
    bag: bool = False
    private: bool = False
    separator: str | None = None
    time_unit: TimeUnit | None = None
    time_format: str | None = None

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        return f"a list, each {EXPECTED[self.type]}" if self.bag else EXPECTED[self.type]


@dataclass(frozen=True)
class Place:
    """The place of consecutive rows: their file, and the number of the first row in it.

    Args:
      file: The file.
      first_row: Number of the first row.
      words: Counts words that stand for a missing value where no text is expected, by column and
        word; None: such words are refused.
    """

    file: str
    first_row: int
    words: Counter[tuple[str, str]] | None = None

    def refuse(self, bad: pl.Series, values: pl.Series, column: Column, expected: str) -> None:
        """Raises for the first row [n] where `bad` is true; null counts as false.

        The value is shown unless the column is private.
        """
        if bad.any():
            index = bad.arg_max() or 0
            raise self.error(index, values[index], column, expected)

    def error(self, index: int, value: Any, column: Column, expected: str) -> DataError:
        """The error for the value at `index` (from 0) of these rows."""
        if value is None:
            got = "a missing value"
        elif column.private:
            got = "a value that is not shown because it may identify a person"
        else:
            shown = value.to_list() if isinstance(value, pl.Series) else value
            got = f"{shown!r:.80}"
        return DataError(
            f"{self.file}, row {self.first_row + index}, column {column.name!r}: "
            f"expected {expected}, got {got}"
        )


def raw_columns(schema: Schema) -> dict[str, Column]:
    """The raw columns of a schema by name, in the order of `Schema.columns`.

    Raises:
      SchemaError: Two roles of one column need different types.
    """
    roles: list[Column] = []
    for feature in schema.features:
        if isinstance(feature, CategoricalFeature):
            dtype = schema.vocabulary(feature.vocabulary).dtype
            bag = feature.max_values > 1
            roles.append(Column(feature.name, dtype, bag=bag, separator=feature.separator))
        else:
            roles.append(Column(feature.name, "number"))
    roles += [Column(topic.name, "string") for topic in schema.topics]
    keys = schema.keys
    roles += [Column(t.column, "label" if t.binary else "number") for t in schema.tasks]
    roles += [Column(name, "key") for name in (keys.user, keys.item, keys.request) if name]
    if keys.timestamp:
        written = {"time_unit": keys.time_unit, "time_format": keys.time_format}
        roles.append(Column(keys.timestamp, "timestamp", **written))  # type: ignore[arg-type]
    roles += [Column(name, "number") for name in (*schema.truth.values(), keys.weight) if name]
    columns: dict[str, Column] = {}
    for role in roles:
        known = columns.setdefault(role.name, role)
        id_key = role.type == "key" and known.type in ("int64", "string") and not known.bag
        if known != role and not id_key:
            raise SchemaError(
                f"column {role.name!r} has two roles: one needs {known.expected}, "
                f"the other {role.expected}"
            )
    user = columns[keys.user]
    columns[keys.user] = dataclasses.replace(user, private=True)
    return columns

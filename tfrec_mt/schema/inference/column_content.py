"""The content of a raw column, independent of its type."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

import polars as pl

from tfrec_mt.schema.features import MISSING_INT, MISSING_STRING
from tfrec_mt.tables.bags import cut_bags, split_bags
from tfrec_mt.tables.notation import MISSING_WORDS
from tfrec_mt.tables.timestamps import seconds_from_text

ContentType = Literal["whole", "number", "boolean", "text", "time", "bag", "nothing", "unusable"]

# Whole numbers as CSV writes them, `17.0` where a column has gaps. Digits after a zero are a code
# (a zip code, 02139) that would lose its zeros as a number.
_WHOLE = r"^-?(0|[1-9]\d*)(\.0+)?$"
_LEADING_ZERO = r"^-?0\d"
# From here on a float does not hold every whole number.
_EXACT = 2.0**53
# If fewer rows than this share hold several values, they are text with the characters of a list.
_BAG_SHARE = 0.1


@dataclass(frozen=True)
class ColumnContent:
    """The values of a column by meaning, the same for CSV, Parquet and frames.

    Args:
      type: `"bag"` is lists, or text of several values as of `split_bags`.
      values: Int64, Float64, Boolean, String or lists of Int64 or String, [n]; null where missing
        or an empty bag.
      raw: The column as read, [n].
      note: A remark on the values, or why no feature can hold them.
    """

    type: ContentType
    values: pl.Series
    raw: pl.Series
    note: str = ""

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return self.values.null_count()

    @property
    def present(self) -> pl.Series:
        """The single values that are present; the ids within bags, one by one."""
        found = self.values.drop_nulls()
        return found.explode().drop_nulls() if self.type == "bag" else found

    @property
    def in_text(self) -> bool:
        """Whether the column came as text."""
        return self.raw.dtype in (pl.String, pl.Binary, pl.Categorical, pl.Enum)

    @property
    def keys(self) -> pl.Series:
        """UInt64 [n], equal where values are equal; a missing value counts as a value."""
        values = self.values
        if self.type == "bag":
            values = values.cast(pl.List(pl.String)).list.join("\n")
        return values.hash()

    def as_text(self) -> "ColumnContent":
        """The column as one text per row, if it was read as text."""
        text = self.raw.cast(pl.String)
        return dataclasses.replace(self, type="text", values=text.set(text == MISSING_STRING, None))

    def as_bag(self) -> "ColumnContent":
        """The column as a bag, if it was read as text."""
        return _bag(self.raw, split_bags(self.raw.cast(pl.String)))


def column_content(raw: pl.Series) -> ColumnContent:
    """Determines what a column holds; null, NaN and empty text are missing.

    Example:
      >>> column_content(pl.Series("age", ["31", "", "40.0"])).values.to_list()
      [31, None, 40]
    """
    if isinstance(raw.dtype, pl.Array):
        return _bag(raw, raw.arr.to_list())
    if isinstance(raw.dtype, pl.List):
        return _bag(raw, raw)
    content = _single(raw)
    if content.type == "text" and content.in_text:
        pieces = content.values.drop_nulls()
        bags = split_bags(pieces)
        if ((bags.list.len() != 1) | (bags.list.first() != pieces)).mean() >= _BAG_SHARE:  # type: ignore[operator]
            return content.as_bag()
    return content


def _single(raw: pl.Series) -> ColumnContent:
    dtype = raw.dtype
    if dtype == pl.Null:
        return ColumnContent("nothing", raw, raw)
    if dtype == pl.Boolean:
        return _unless_empty(ColumnContent("boolean", raw, raw))
    if isinstance(dtype, pl.Decimal) and dtype.scale == 0:
        return _integers(raw.cast(pl.Int128), raw)
    if dtype.is_integer():
        return _integers(raw, raw)
    if dtype.is_float() or dtype.is_decimal():
        return _floats(raw.cast(pl.Float64).fill_nan(None), raw)
    if dtype in (pl.Date, pl.Datetime):
        return _unless_empty(ColumnContent("time", raw, raw))
    if dtype in (pl.String, pl.Binary, pl.Categorical, pl.Enum):
        try:
            text = raw.cast(pl.String)
        except pl.exceptions.ComputeError:
            return ColumnContent("unusable", raw, raw, "bytes that are not UTF-8")
        return _text(text.set(text == MISSING_STRING, None), raw)
    return ColumnContent("unusable", raw, raw, f"a column of type {dtype}")


def _unless_empty(content: ColumnContent) -> ColumnContent:
    if content.missing == len(content.values):
        return dataclasses.replace(content, type="nothing")
    return content


def _integers(values: pl.Series, raw: pl.Series) -> ColumnContent:
    whole = values.cast(pl.Int64, strict=False)
    if whole.null_count() > values.null_count():  # such as unsigned hashes
        text = values.cast(pl.String)
        return ColumnContent("text", text, raw, "whole numbers of more than 64 bits, kept as text")
    return _unless_empty(_whole(whole, raw))


def _whole(values: pl.Series, raw: pl.Series) -> ColumnContent:
    marked = (values == MISSING_INT).any()
    note = f"{MISSING_INT} counts as missing where it is an id" if marked else ""
    return ColumnContent("whole", values, raw, note)


def _floats(values: pl.Series, raw: pl.Series) -> ColumnContent:
    found = values.drop_nulls()
    if found.is_empty():
        return ColumnContent("nothing", values, raw)
    if not found.cast(pl.Float32).is_finite().all():
        return ColumnContent("unusable", values, raw, "infinite numbers, or beyond 32-bit floats")
    if ((found == found.floor()) & (found.abs() < _EXACT)).all():
        return _whole(values.cast(pl.Int64), raw)
    return ColumnContent("number", values, raw)


def _text(text: pl.Series, raw: pl.Series) -> ColumnContent:
    found = text.drop_nulls()
    if found.is_empty():
        return ColumnContent("nothing", text, raw)
    if found.str.to_lowercase().is_in(["true", "false"]).all():
        return ColumnContent("boolean", text, raw)
    if found.str.contains(_WHOLE).all():
        whole = _whole_from_text(text)
        if whole is not None:
            return _whole(whole, raw)
        return ColumnContent("text", text, raw, "whole numbers of more than 64 bits, kept as text")
    numbers = found.cast(pl.Float64, strict=False)
    strange = found.filter(numbers.is_null()).unique()
    if strange.is_empty():
        if found.str.contains(_LEADING_ZERO).any():
            return ColumnContent("text", text, raw, "digits with leading zeros, kept as text")
        content = _floats(text.cast(pl.Float64).fill_nan(None), raw)
        # preparation reads `nan` in text as a number only, never as a missing id
        return dataclasses.replace(content, type="number") if content.type == "whole" else content
    if strange.is_in(MISSING_WORDS).all() and len(strange) < found.n_unique():
        content = _text(text.set(text.is_in(MISSING_WORDS), None), raw)
        note = f"{', '.join(map(repr, strange))} counts as missing"
        return dataclasses.replace(content, note="; ".join(filter(None, [content.note, note])))
    if len(strange) == 1 and numbers.null_count() < len(found) / 2:
        note = f"numbers but for {strange[0]!r:.20}; only an empty field is missing"
        return ColumnContent("text", text, raw, note)
    if seconds_from_text(found).null_count() == 0:
        return ColumnContent("time", text, raw)
    return ColumnContent("text", text, raw)


def _whole_from_text(text: pl.Series) -> pl.Series | None:
    """Int64 values, or None where preparation would lose digits of one."""
    whole = text.str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
    return None if whole.null_count() > text.null_count() else whole


def _bag(raw: pl.Series, lists: pl.Series) -> ColumnContent:
    lengths = lists.list.len().fill_null(0)
    pieces = lists.filter(lengths > 0).explode()
    inner = _single(pieces)
    if inner.type == "nothing":
        return ColumnContent("nothing", pl.Series(raw.name, [None] * len(raw)), raw)
    if inner.type not in ("whole", "text", "boolean", "time") or (
        inner.type == "time" and not inner.in_text
    ):
        note = "lists of fractions" if inner.type == "number" else inner.note or f"{raw.dtype}"
        return ColumnContent("unusable", raw, raw, note)
    kind = pl.Int64() if inner.type == "whole" else pl.String()
    typed = cut_bags(inner.values.cast(kind), lengths.to_numpy())
    values = pl.DataFrame({raw.name: typed}).select(pl.when(lengths > 0).then(pl.all()))
    return ColumnContent("bag", values.to_series(), raw, inner.note)

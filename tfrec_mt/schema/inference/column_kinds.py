"""Decides what kind of feature a column becomes, or why it becomes none."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from tfrec_mt.errors import SchemaError
from tfrec_mt.schema.features import (
    CategoricalFeature,
    Feature,
    NumericFeature,
    Side,
    Vocabulary,
)
from tfrec_mt.schema.inference.column_content import ColumnContent
from tfrec_mt.schema.inference.column_names import is_id_name, is_part_name, is_time_name

KindName = Literal["categorical", "numeric", "bag", "none"]
KINDS: tuple[KindName, ...] = ("categorical", "numeric", "bag", "none")

# More distinct whole numbers than this are counts or measurements, unless the name says id.
_FEW = 50
_FEW_SHARE = 0.2
# With fewer values, text that differs in every row proves nothing.
_PROOF = 20
_NEARLY_ALL = 0.95
_MOST = 0.5
# Times from 2001 to 2039, in seconds or milliseconds.
_SPANS = ((10**9, 2.2e9), (10**12, 2.2e12))


@dataclass(frozen=True)
class ColumnKind:
    """The kind decided for a column, `"none"` if it is left out, and the reason."""

    kind: KindName
    content: ColumnContent
    why: str

    @property
    def distinct(self) -> int:
        """Distinct values in the rows read."""
        return self.content.present.n_unique()

    def feature(
        self, name: str, side: Side, hash_buckets: int = 1
    ) -> tuple[Feature, tuple[Vocabulary, ...]]:
        """The feature, and the vocabulary that it needs, if any."""
        if self.kind == "numeric":
            missing: Literal["impute", "error"] = "impute" if self.content.missing else "error"
            return NumericFeature(name=name, side=side, missing=missing), ()
        dtype = self.content.values.dtype
        inner = dtype.inner if isinstance(dtype, pl.List) else dtype
        id_type: Literal["int64", "string"] = "int64" if inner == pl.Int64 else "string"
        table = Vocabulary(name=name, dtype=id_type, hash_buckets=hash_buckets)
        longest = _bag_size(self.content) if self.kind == "bag" else 1
        feature = CategoricalFeature(name=name, vocabulary=name, side=side, max_values=longest)
        return feature, (table,)


def decide_kind(name: str, content: ColumnContent) -> ColumnKind:
    """The kind that the values and the name of a column suggest."""
    kind, why = _decide(name, content)
    if kind in ("categorical", "bag") and has_line_breaks(content):
        kind, why = "none", "ids must not contain line breaks"
    notes = [why, content.note if kind == "categorical" else ""]
    return ColumnKind(kind, content, "; ".join(note for note in notes if note))


def _decide(name: str, content: ColumnContent) -> tuple[KindName, str]:
    if content.type == "nothing":
        return "none", "no value in any row"
    if content.type == "unusable":
        return "none", content.note
    if content.missing == 0 and content.keys.n_unique() == 1:
        return "none", "the same value in every row"
    if is_part_name(name) and content.type in ("whole", "text", "boolean"):
        return "none", "named like what divides rows into parts"
    if content.type == "time":
        return "none", "a time; pass the time of a row as time="
    if content.type == "bag":
        if _differs(content):
            return "none", "text that differs in nearly every row"
        return "bag", f"up to {_bag_size(content)} values a row, more are an error"
    if content.type in ("boolean", "text"):
        if content.type == "text" and _differs(content):
            return "none", "text that differs in nearly every row"
        return "categorical", "yes or no" if content.type == "boolean" else "text"
    if content.type == "whole":
        return _decide_whole(name, content)
    return "numeric", _with_share("fractions", content)


def _decide_whole(name: str, content: ColumnContent) -> tuple[KindName, str]:
    found = content.present
    distinct = found.n_unique()
    if len(found) >= _PROOF and content.missing == 0 and (found.diff().drop_nulls() == 1).all():
        return "none", "numbers the rows"
    if is_id_name(name):
        if _differs(content):
            return "none", "ids that differ in nearly every row"
        return "categorical", "whole numbers, named like ids"
    seconds = any(found.is_between(*span).all() for span in _SPANS)
    if is_time_name(name) and seconds:
        return "none", "looks like a time; pass the time of a row as time="
    if distinct <= _FEW and distinct <= _FEW_SHARE * len(found):
        return "categorical", "few whole numbers"
    return "numeric", _with_share("whole numbers", content)


def given_kind(name: str, content: ColumnContent, kind: str) -> ColumnKind:
    """The kind that the user asked for, one of `KINDS`, with the content read accordingly.

    Raises:
      SchemaError: No such kind, or preparation could not read the values as that.
    """
    place = f"kinds={{{name!r}: {kind!r}}}"
    if kind not in KINDS:
        raise SchemaError(f"{place}: expected one of {KINDS}, got {kind!r}")
    if kind == "none":
        return ColumnKind("none", content, "as kinds= says")
    held = content.note if content.type == "unusable" else _WORDS[content.type]
    if kind == "numeric":
        if content.type not in ("whole", "number") and content.raw.dtype != pl.Boolean:
            raise SchemaError(f"{place}: expected numbers, the column holds {held}")
        return ColumnKind("numeric", content, "numeric, as kinds= says")
    if kind == "bag":
        if content.type != "bag" and content.in_text and content.type != "nothing":
            content = content.as_bag()
        if content.type != "bag":
            raise SchemaError(
                f"{place}: expected lists, or text joined by '|', the column holds {held}"
            )
    else:
        if content.in_text and content.type in ("number", "bag"):
            content = content.as_text()
        native = content.raw.dtype.is_temporal()
        if content.type not in ("whole", "text", "boolean", "time") or native:
            raise SchemaError(
                f"{place}: expected text, whole numbers or booleans, the column holds {held}"
            )
    if has_line_breaks(content):
        raise SchemaError(f"{place}: ids must not contain line breaks, and some do")
    return ColumnKind("bag" if kind == "bag" else "categorical", content, f"{kind}, as kinds= says")


_WORDS = {
    "whole": "whole numbers",
    "number": "numbers with fractions",
    "boolean": "booleans",
    "text": "text",
    "time": "times",
    "bag": "lists",
    "nothing": "no value in the rows looked at",
}


def has_line_breaks(content: ColumnContent) -> bool:
    """Whether an id holds a line break, which the file of a vocabulary cannot express."""
    found = content.present
    return found.dtype == pl.String and bool(found.str.contains(r"[\r\n]").any())


def _differs(content: ColumnContent) -> bool:
    found = content.present
    return len(found) >= _PROOF and found.n_unique() >= _NEARLY_ALL * len(found)


def _bag_size(content: ColumnContent) -> int:
    """The smallest power of two that holds the longest bag seen, at least 2, as 1 is no bag."""
    longest = int(content.values.list.len().max() or 1)  # type: ignore[arg-type]
    return max(2, 1 << (longest - 1).bit_length())


def _with_share(what: str, content: ColumnContent) -> str:
    counts = content.present.value_counts(name="rows").sort("rows", descending=True)
    value, rows = counts.row(0)
    if rows < _MOST * len(content.present):
        return what
    return f"{what}; {value:g} in {rows / len(content.present):.0%} of its rows"

"""Bags: several values in one cell of a log."""

import ast
import json
import re

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from tfrec_mt.tables.notation import MISSING_WORDS

BAG_SEPARATOR = "|"

_LIST = r"^\s*(?s:\[.*\]|\{.*\})\s*$"
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_ITEM = re.compile(
    rf"\s*(?:{_QUOTED}|-?\d+(?:\.\d*)?|None|null|NaN|nan|<NA>|true|false|True|False)\s*"
)
_BARE_ITEM = re.compile(r"\s*(?:\"(?:[^\"\\]|\\.)*\"|[^,{}\"\\]+)")
_COMMA = re.compile(r"\s*,\s*|(?<=\s)")


def split_bags(text: pl.Series, separator: str | None = None) -> pl.Series:
    """Splits text into lists of values, [n]; empty values are left out, nulls are kept.

    Without a separator, lists as written by JSON, Python and NumPy (`['red', 'hot']`) or PostgreSQL
    (`{red,hot}`) are read as such, and other text is split at `|`.

    Example:
      >>> split_bags(pl.Series(["red|blue", "", "['red', 'hot']"])).to_list()
      [['red', 'blue'], [], ['red', 'hot']]
    """
    pieces = text.str.split(separator or BAG_SEPARATOR).list.filter(pl.element() != "")
    known = {} if separator else _written_lists(text)
    if not known:
        return pieces
    lists = pl.DataFrame(
        {"text": list(known), "items": list(known.values())},
        schema={"text": pl.String, "items": pl.List(pl.String)},
    )
    frame = pl.DataFrame({"text": text, "pieces": pieces})
    found = frame.join(lists, on="text", how="left", maintain_order="left")
    return found.select(pl.coalesce("items", "pieces").alias(text.name)).to_series()


def unlike_lists(text: pl.Series) -> pl.Series:
    """Which values `[n]` are not written as a list although others are."""
    known = _written_lists(text)
    return (text != "") & ~text.is_in(list(known)) & bool(known)


def _written_lists(text: pl.Series) -> dict[str, list[str]]:
    written = text.filter(text.str.contains(_LIST).fill_null(False)).unique()
    return {value: items for value in written if (items := _list_items(value)) is not None}


def _list_items(text: str) -> list[str] | None:
    """The items of a written list without missing ones; None if the text is not a list."""
    text = text.strip()
    try:
        items = (
            json.loads(text, parse_int=str, parse_float=str, parse_constant=lambda _: None)
            if text[0] == "["
            else _items_of_python(text)
        )
    except (ValueError, RecursionError):
        items = _items_of_python(text)
    if items is None:
        return None
    words = [json.dumps(item) if isinstance(item, bool) else item for item in items]
    if not all(word is None or isinstance(word, str) for word in words):
        return None
    found = [word for word in words if word]
    # a lone surrogate, which UTF-8 cannot hold
    return None if any("\ud800" <= sign <= "\udfff" for word in found for sign in word) else found


def _items_of_python(text: str) -> list[str | None] | None:
    """The items of a list as Python, NumPy or PostgreSQL write it."""
    pattern, joint = (_ITEM, _COMMA) if text[0] == "[" else (_BARE_ITEM, re.compile(","))
    items: list[str | None] = []
    place, stop = 1, len(text) - 1
    while text[place:stop].strip():
        if items:
            found = joint.match(text, place, stop)
            if not found:
                return None
            place = found.end()
            if not text[place:stop].strip():
                break
        item = pattern.match(text, place, stop)
        if not item:
            return None
        place, word = item.end(), item.group().strip()
        bare = None if word in MISSING_WORDS else word
        try:
            items.append(ast.literal_eval(word) if word[:1] in ("'", '"') else bare)
        except (SyntaxError, ValueError):
            return None
    return items


def cut_bags(values: pl.Series, lengths: npt.ArrayLike) -> pl.Series:
    """Cuts values into consecutive lists of the given lengths `[n]`, which use up all values."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), values.to_arrow())
    return pl.Series(values.name, lists)

"""Bags: several values in one cell of a log."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

BAG_SEPARATOR = "|"


def split_bags(text: pl.Series) -> pl.Series:
    """Text whose values are joined by `|` as lists, [n]: empty values left out, nulls kept.

    Example:
      >>> split_bags(pl.Series(["red|blue", ""])).to_list()
      [['red', 'blue'], []]
    """
    return text.str.split(BAG_SEPARATOR).list.filter(pl.element() != "")


def cut_bags(values: pl.Series, lengths: npt.ArrayLike) -> pl.Series:
    """Consecutive lists of those lengths `[n]`, cut from as many values as their sum."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), values.to_arrow())
    return pl.Series(values.name, lists)

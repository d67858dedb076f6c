"""Bags: several values in one cell of a log."""

import polars as pl

BAG_SEPARATOR = "|"


def split_bags(text: pl.Series) -> pl.Series:
    """Text whose values are joined by `|`, as lists.

    Args:
      text: String series, [n].

    Returns:
      Series of lists of strings, [n]; empty values are left out, and a null stays one.

    Example:
      >>> split_bags(pl.Series(["red|blue", ""])).to_list()
      [['red', 'blue'], []]
    """
    return text.str.split(BAG_SEPARATOR).list.filter(pl.element() != "")

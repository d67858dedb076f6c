"""Words that stand for a missing value in text."""

import polars as pl

from tfrec_mt.tables.notation import MISSING_WORDS


def words_for_missing(text: pl.Series) -> dict[str, int]:
    """The words among text `[n]` that look like a missing value, with the number of each.

    Example:
      >>> words_for_missing(pl.Series(["red", "NULL", "NULL"]))
      {'NULL': 2}
    """
    found = text.filter(text.is_in(MISSING_WORDS)).value_counts(sort=True)
    return dict(zip(found[text.name].to_list(), found["count"].to_list(), strict=True))

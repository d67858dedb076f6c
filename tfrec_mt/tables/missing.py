"""Words that stand for a missing value in text."""

import polars as pl

# The word of MySQL, PostgreSQL and Hive, which is no value anywhere.
NULL_WORDS = ("\\N",)
# What libraries and databases write for a missing value, and people for one that they do not know.
MISSING_WORDS = (
    *NULL_WORDS,
    *("NULL", "Null", "null", "NaN", "nan", "NAN", "None", "none", "NONE", "nil"),
    *("NA", "N/A", "n/a", "#N/A", "<NA>", "NaT", "<null>", "(null)"),
)


def words_for_missing(text: pl.Series) -> dict[str, int]:
    """The words among text `[n]` that look like a missing value, with the number of each.

    Example:
      >>> words_for_missing(pl.Series(["red", "NULL", "NULL"]))
      {'NULL': 2}
    """
    found = text.filter(text.is_in(MISSING_WORDS)).value_counts(sort=True)
    return dict(zip(found[text.name].to_list(), found["count"].to_list(), strict=True))

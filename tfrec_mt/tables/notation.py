"""How values are written: what a schema may state, without a library to read them."""

from typing import Literal

# How the fields of text are quoted, see `read_delimited`.
Quoting = Literal["auto", "csv", "backslash", "none"]
# What numbers count since 1970.
TimeUnit = Literal["seconds", "milliseconds", "microseconds", "nanoseconds", "days"]
# The word of MySQL, PostgreSQL and Hive for a missing value, which is no value anywhere.
NULL_WORDS = ("\\N",)
# What libraries and databases write for a missing value, and people for one that they do not know.
MISSING_WORDS = (
    *NULL_WORDS,
    *("NULL", "Null", "null", "NaN", "nan", "NAN", "None", "none", "NONE", "nil"),
    *("NA", "N/A", "n/a", "#N/A", "<NA>", "NaT", "<null>", "(null)"),
)

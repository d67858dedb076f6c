"""Notations of values that a schema may state; needs no library that reads values."""

from typing import Literal

# How the fields of text are quoted, see `read_delimited`.
Quoting = Literal["auto", "csv", "backslash", "none"]
# Units of time that numbers count since 1970.
TimeUnit = Literal["seconds", "milliseconds", "microseconds", "nanoseconds", "days"]
# What MySQL, PostgreSQL and Hive write for a missing value; nothing writes it for a real one.
NULL_WORDS = ("\\N",)
# What libraries and databases write for a missing value, and people for an unknown one.
MISSING_WORDS = (
    *NULL_WORDS,
    *("NULL", "Null", "null", "NaN", "nan", "NAN", "None", "none", "NONE", "nil"),
    *("NA", "N/A", "n/a", "#N/A", "<NA>", "NaT", "<null>", "(null)"),
)

"""Errors that a person can act on: what was expected, what came, and where."""

import difflib
from collections.abc import Iterable


class SchemaError(ValueError):
    """A schema that contradicts itself, or does not fit what it is used with."""


class DataError(ValueError):
    """Data that breaks the contract its schema states; names file, row and column."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or all of them if none is close."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"

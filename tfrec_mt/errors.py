"""Errors that users can act on: what was expected, what was found, and where."""

import difflib
import re
from collections.abc import Iterable

_LISTED = 60  # names in a hint


class SchemaError(ValueError):
    """A schema that contradicts itself, or does not fit what it is used with.

    Example:
      >>> try:
      ...     mt.pretrain(log, "runs/shop/other", epoch=2)
      ... except mt.SchemaError as error:
      ...     print(error)
      pretrain with model='olr' has no setting 'epoch'; did you mean 'epochs'?
    """


class DataError(ValueError):
    """Data that breaks the contract its schema states; names file, row and column.

    Example:
      >>> try:
      ...     mt.load_export("runs/shap/export")
      ... except mt.DataError as error:
      ...     print(error)
      runs/shap/export does not exist; expected the folder of an export
    """


class TooFewRowsError(DataError):
    """Fewer rows than one batch."""


def without_values(error: Exception) -> str:
    """Another library's message without the values it quotes, which may be user ids."""
    return re.sub(r"""'[^']*'|"[^"]*"|\[.*\]""", "...", str(error), flags=re.DOTALL)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or lists the first ones if none is close."""
    known = sorted(known)
    if close := difflib.get_close_matches(name, known, n=1):
        return f"did you mean {close[0]!r}?"
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"known: {', '.join(known[:_LISTED]) or 'none'}{more}"

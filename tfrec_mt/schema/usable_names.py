"""Names that the inputs and outputs of an exported model can have."""

import keyword
import re
from collections.abc import Iterable

from tfrec_mt.errors import SchemaError

_USABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def why_unusable(name: str) -> str:
    """What is expected of a name instead; empty text if it can be used.

    TensorFlow makes of every input of a signature an argument in Python and an operation of the
    graph, which has a name of ASCII.
    """
    if not _USABLE.fullmatch(name):
        return (
            "expected a name of letters, digits and underscores, all of them ASCII, that starts "
            "with a letter"
        )
    if keyword.iskeyword(name) or name == "self":
        return "expected a name that is neither a keyword of Python nor 'self'"
    return ""


def check_cases(names: Iterable[str]) -> None:
    """Checks names of inputs: operations of TensorFlow cannot differ in their case alone.

    Raises:
      SchemaError: Two of them do; names both.
    """
    known: dict[str, str] = {}
    for name in names:
        twin = known.setdefault(name.lower(), name)
        if twin != name:
            raise SchemaError(
                f"inputs {twin!r} and {name!r}: expected names that differ in more than upper and "
                "lower case; rename a column, or leave it out"
            )

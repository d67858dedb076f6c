"""Names that the inputs and outputs of an exported model can have."""

import keyword
import re
from collections.abc import Iterable

from tfrec_mt.errors import SchemaError

_USABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def why_unusable(name: str) -> str:
    """Why a name cannot be used, as what is expected instead; empty text if it can.

    TensorFlow turns every input of a signature into an argument in Python and an operation of the
    graph, whose name must be ASCII.
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
    """Checks that no input names differ in case alone, which TensorFlow operations cannot.

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

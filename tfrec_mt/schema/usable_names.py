"""Names that the inputs and outputs of an exported model can have."""

import keyword
import re

_USABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def why_unusable(name: str) -> str:
    """What is expected of a name instead; empty text if it can be used.

    TensorFlow makes a Python argument of every input of a signature and an operation of the graph
    of every name, which takes ASCII alone.
    """
    if not _USABLE.fullmatch(name):
        return (
            "expected a name of letters, digits and underscores, all of them ASCII, that does not "
            "start with a digit"
        )
    if keyword.iskeyword(name) or name == "self":
        return "expected a name that is neither a keyword of Python nor 'self'"
    return ""

"""Settings as the code describes them, in a signature and the docstring's `Args:`."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from tfrec_mt.configs.bounds import resolved

_FOREIGN = ("builtins", "keras", "tensorflow")
_ENTRY = re.compile(r"  (?! )([\w, ]+): *(.*)")


@dataclass(frozen=True)
class Setting:
    """A field of a dataclass, or an argument of a constructor or function.

    Args:
      name: Its name.
      hint: Its annotation.
      default: Its default; `REQUIRED` if there is none.
      text: Its description in the docstring.
    """

    REQUIRED: ClassVar[Any] = inspect.Parameter.empty

    name: str
    hint: Any
    default: Any
    text: str


def described(source: Callable[..., Any]) -> dict[str, Setting]:
    """Settings by name, including those that a constructor passes on to its base classes.

    A class lists the arguments that it sets for its base classes in `fixed_arguments`.
    """
    found: dict[str, Setting] = {}
    hidden = ("self", "cls", *getattr(source, "fixed_arguments", ()))
    kinds = source.__mro__ if isinstance(source, type) else (source,)
    texts = [entries(inspect.getdoc(kind) if kind is source else kind.__doc__) for kind in kinds]
    for kind in kinds:
        own = vars(kind).get("__init__") if isinstance(kind, type) else kind
        own = getattr(own, "__func__", own)
        if not inspect.isfunction(own) or own.__module__.partition(".")[0] in _FOREIGN:
            continue
        arguments = inspect.signature(own).parameters.values()
        for one in arguments:
            if one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL) or one.name in hidden:
                continue
            said = [text[one.name] for text in texts if one.name in text]
            text = next((text for text in said if not text.startswith("See `")), "")
            hint = resolved(one.annotation, own.__module__)
            default = _default(kind, one)
            found.setdefault(one.name, Setting(one.name, hint, default, text))
        if not any(one.kind is one.VAR_KEYWORD for one in arguments):
            break  # nothing is passed on to its bases
    return found


def entries(docstring: str | None) -> dict[str, str]:
    """Text of each name in the section `Args:`; an entry may have several names."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in _arguments(docstring or ""):
        if entry := _ENTRY.fullmatch(line):
            names = [name.strip() for name in entry[1].split(",")]
            found.update(dict.fromkeys(names, entry[2]))
        else:
            found.update({name: f"{found[name]} {line.strip()}".strip() for name in names})
    return found


def _arguments(docstring: str) -> Iterator[str]:
    inside = False
    for line in inspect.cleandoc(docstring).splitlines():
        if inside and line.strip() and not line.startswith(" "):
            return
        if inside and line.strip():
            yield line
        inside |= line == "Args:"


def _default(kind: Any, argument: inspect.Parameter) -> Any:
    if dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            if field.name == argument.name and callable(field.default_factory):
                return field.default_factory()
    return argument.default

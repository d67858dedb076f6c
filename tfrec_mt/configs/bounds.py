"""Bounds of settings, given by their annotations, and checks of values against them."""

import dataclasses
import functools
import inspect
import math
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from tfrec_mt.errors import SchemaError

# The largest integer of TensorFlow and NumPy.
MOST = 2**63 - 1


@dataclass(frozen=True)
class Within:
    """Numbers from `low` to `high`; `low` itself only if `closed`."""

    low: float
    high: float = math.inf
    closed: bool = True

    def __contains__(self, value: float) -> bool:
        above = value >= self.low if self.closed else value > self.low
        return above and value <= self.high

    def __str__(self) -> str:
        if self.high < MOST:
            return f"from {self.low:.12g} to {self.high:.12g}"
        return f"{'of at least' if self.closed else 'above'} {self.low:g}"


def AtLeast(low: float) -> Within:
    """Numbers of at least `low`."""
    return Within(low)


def Above(low: float) -> Within:
    """Numbers above `low`."""
    return Within(low, closed=False)


Count = Annotated[int, Within(1, MOST)]
Counts = Sequence[Count]
Whole = Annotated[int, Within(0, MOST)]
Seed = Annotated[int, Within(0, 2**32 - 1)]  # the range of NumPy's generator, which Keras seeds
Rate = Annotated[float, Above(0)]
Weight = Annotated[float, AtLeast(0)]
Share = Annotated[float, Within(0, 1)]
Dropout = Annotated[float, Within(0, 0.99)]


REPEATED = "repeated"  # annotates a tuple: the flag takes one value and may be repeated


@dataclass(frozen=True)
class Kind:
    """An annotation taken apart.

    Args:
      core: The type, a class or an alias such as `tuple[str, ...]`; `Any` for unions that cannot be
        simplified.
      optional: Whether None is allowed.
      bounds: Bounds of a number.
    """

    core: Any
    optional: bool = False
    bounds: tuple[Within, ...] = ()

    @property
    def base(self) -> Any:
        """The type without its arguments."""
        found = get_origin(self.core) or self.core
        return found

    @property
    def items(self) -> Any:
        """Annotation of a sequence's elements, or of a mapping's values."""
        return get_args(self.core)[-1 if issubclass(self.base, Mapping) else 0]


@functools.cache
def kind_of(hint: Any) -> Kind:
    """Takes an annotation apart."""
    optional = False
    bounds: tuple[Within, ...] = ()
    while True:
        if get_origin(hint) is Annotated:
            hint, *said = get_args(hint)
            bounds += tuple(one for one in said if isinstance(one, Within))
        elif get_origin(hint) in (Union, types.UnionType):
            members = [one for one in get_args(hint) if one is not types.NoneType]
            optional |= len(members) < len(get_args(hint))
            written = next((one for one in (Path, str) if one in members), Any)
            hint = members[0] if len(members) == 1 else written
        else:
            return Kind(hint, optional, bounds)


def expected(hint: Any, given: Any = None) -> str:
    """Describes what a value must be; adds the upper limit if the number `given` exceeds it."""
    kind = kind_of(hint)
    bounds = "".join(f" {bound}" for bound in kind.bounds)
    if isinstance(given, int) and given > MOST and any(bound.high == MOST for bound in kind.bounds):
        bounds += f" and at most {MOST}"
    if kind.base is Literal:
        return f"one of {', '.join(map(str, get_args(kind.core)))}"
    if _is(kind, Mapping):
        return f"name=value pairs, each value {expected(kind.items)}"
    if _is(kind, Sequence):
        item = expected(kind.items)
        if kind_of(kind.items).base is Literal:
            return f"distinct ones of {item.removeprefix('one of ')}"
        return {"text": "names"}.get(item, item.replace("a whole number", "whole numbers"))
    plain = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    return f"{plain.get(kind.core, 'a path')}{bounds}"


def fits(value: Any, hint: Any) -> bool:
    """Whether a value fits its annotation; types that settings do not use accept anything."""
    kind = kind_of(hint)
    if value is None:
        return kind.optional or kind.core is Any
    if kind.base is Literal:
        return value in get_args(kind.core)
    if _is(kind, Mapping):
        return isinstance(value, Mapping) and all(fits(v, kind.items) for v in value.values())
    if _is(kind, Sequence):
        if isinstance(value, str) or not isinstance(value, Sequence):
            return False
        distinct = kind_of(kind.items).base is not Literal or len(set(value)) == len(value)
        return distinct and all(fits(item, kind.items) for item in value)
    if kind.core in (int, float):
        whole = isinstance(value, int) and not isinstance(value, bool)
        number = whole or (kind.core is float and isinstance(value, float) and math.isfinite(value))
        return number and all(value in bound for bound in kind.bounds)
    if kind.core is Path:
        return isinstance(value, str | Path)
    return kind.core is Any or not isinstance(kind.base, type) or isinstance(value, kind.base)


def is_setting(hint: Any) -> bool:
    """Whether values can be written on a command line."""
    kind = kind_of(hint)
    if _is(kind, Mapping) or _is(kind, Sequence):
        return is_setting(kind.items)
    return kind.base is Literal or kind.core in (bool, int, float, str, Path)


def check(config: Any, of: str = "") -> None:
    """Checks a dataclass's values against its annotations.

    Args:
      config: The dataclass.
      of: Prefix of the setting's name in the error.

    Raises:
      SchemaError: A setting is wrong; names it, what was expected and what was given.
    """
    for name, hint in hints(type(config)).items():
        check_value(f"{of}{name}", getattr(config, name), hint)


def check_value(name: str, value: Any, hint: Any) -> None:
    """Checks a value against its annotation.

    Raises:
      SchemaError: It does not fit; says what was expected and what was given.
    """
    if not fits(value, hint):
        none = " or None" if kind_of(hint).optional else ""
        raise SchemaError(f"{name} must be {expected(hint, value)}{none}, got {value!r}")


def is_numeric(hint: Any) -> bool:
    """Whether values are numbers, or sequences or mappings of such."""
    kind = kind_of(hint)
    if _is(kind, Mapping) or _is(kind, Sequence):
        return bool(get_args(kind.core)) and is_numeric(kind.items)
    return kind.core in (int, float)


def hints(config: type) -> dict[str, Any]:
    """Annotations of a dataclass's fields."""
    owners = {
        name: kind for kind in reversed(config.__mro__) for name in inspect.get_annotations(kind)
    }
    fields = dataclasses.fields(config)
    return {field.name: resolved(field.type, owners[field.name].__module__) for field in fields}


def resolved(annotation: Any, module: str) -> Any:
    """Resolves an annotation that may be text; `Any` for names imported for type checking only."""
    if not isinstance(annotation, str):
        return annotation
    holder = types.SimpleNamespace(__annotations__={"value": annotation})
    try:
        return get_type_hints(holder, vars(sys.modules[module]), include_extras=True)["value"]
    except NameError:
        return Any


def _is(kind: Kind, base: type) -> bool:
    found = kind.base
    return isinstance(found, type) and issubclass(found, base) and found is not str

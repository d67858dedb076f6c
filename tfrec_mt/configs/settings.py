"""Settings given by name, sorted by the part of a step that takes them."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tfrec_mt.configs.bounds import check_value, is_numeric
from tfrec_mt.configs.described import described
from tfrec_mt.errors import SchemaError, nearest


def fields_of(config: type, *without: str) -> set[str]:
    """Names of a config's fields, except those in `without`."""
    return {field.name for field in dataclasses.fields(config)} - set(without)


def arguments_of(function: Callable[..., Any], *without: str) -> set[str]:
    """Names of a constructor's or function's arguments, base classes' too, except `without`."""
    return set(described(function)) - set(without)


def check_numbers(given: Mapping[str, Any], *sources: Callable[..., Any]) -> None:
    """Checks numbers among given settings against what constructors or functions take.

    Raises:
      SchemaError: One is of another type, out of bounds, infinite or not a number.
    """
    for source in sources:
        for name, setting in described(source).items():
            if name in given and is_numeric(setting.hint):
                check_value(name, given[name], setting.hint)


def sort_settings(
    step: str, given: Mapping[str, Any], groups: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, Any]]:
    """Settings by group; a name that several groups take goes to the first.

    Args:
      step: The step that the settings are for, named in the error.
      given: Settings by name.
      groups: Names that each group takes.

    Raises:
      SchemaError: A name that no group takes.
    """
    found: dict[str, dict[str, Any]] = {group: {} for group in groups}
    for name, value in given.items():
        takes = [group for group, names in groups.items() if name in names]
        if not takes:
            known = {name for names in groups.values() for name in names}
            raise SchemaError(f"{step} has no setting {name!r}; {nearest(name, known)}")
        # tuples, as in configs and Keras models
        found[takes[0]][name] = tuple(value) if isinstance(value, list) else value
    return found

"""Differences between the data that a model was made for and other data, in words."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfrec_mt.schema.schema import Schema

_ONE = {"vocabularies": "vocabulary", "features": "feature", "tasks": "task", "topics": "topic"}
_SHOWN = 40  # characters of a value
# How values are written, rows count and ids come and go, which changes no code: fields that may
# differ.
_OF_READING = (
    *("min_count", "max_size", "evict_after"),
    *("sha256", "vocabulary_sha256", "null_words", "quoting", "separator"),
    *("time_unit", "time_format", "weight"),
)


def differences(model: Any, data: Any) -> list[str]:
    """The parts in which two descriptions differ, each with what both say.

    A hash of ids that only one description has is not a difference.

    Args:
      model: The model's `Schema` or `NewsSpec`.
      data: The data's, of the same class.
    """
    found = []
    for field in dataclasses.fields(model):
        of_model, of_data = getattr(model, field.name), getattr(data, field.name)
        if field.name in _ONE:
            found += _of_parts(_ONE[field.name], of_model, of_data)
        elif of_model != of_data and dataclasses.is_dataclass(of_model or of_data):
            found += _of_part(field.name, of_model, of_data)
        elif of_model != of_data and field.name not in _OF_READING:
            found.append(_told(field.name, of_model, of_data))
    if not found and _other_ids(*(getattr(x, "vocabulary_sha256", "") for x in (model, data))):
        found.append(_same_size("the vocabulary", model.vocabulary_size))
    return found


def unknown_ids(description: Any) -> bool:
    """Whether a `Schema` or `NewsSpec` does not say which ids its codes stand for."""
    if isinstance(description, Schema):
        return not all(vocabulary.sha256 for vocabulary in description.vocabularies)
    return not description.vocabulary_sha256


def _of_parts(kind: str, model: Any, data: Any) -> list[str]:
    """Differences between named parts."""
    one, other = ({part.name: part for part in parts} for parts in (model, data))
    found = []
    for name in dict.fromkeys([*one, *other]):
        if name not in one or name not in other:
            found.append(f"{kind} {name!r} is in the {'model' if name in one else 'data'} alone")
        else:
            found += _of_part(f"{kind} {name!r}", one[name], other[name])
    if not found and [*one] != [*other]:
        found.append(_told(f"the order of each {kind}", tuple(one), tuple(other)))
    return found


def _of_part(name: str, model: Any, data: Any) -> list[str]:
    if type(model) is not type(data):
        return [_told(name, model, data)]
    both = [
        (field.name, getattr(model, field.name), getattr(data, field.name))
        for field in dataclasses.fields(model)
    ]
    found = [
        _told(f"{name}: {field}", one, other)
        for field, one, other in both
        if field not in _OF_READING and one != other
    ]
    if not found and _other_ids(*(getattr(part, "sha256", "") for part in (model, data))):
        found.append(_same_size(name, model.size))
    return found


def _other_ids(model: str, data: str) -> bool:
    return bool(model and data and model != data)


def _same_size(name: str, size: int) -> str:
    return f"{name} has {size:,} ids in both, but other ones or in another order"


def _told(name: str, model: Any, data: Any) -> str:
    return f"{name} is {_short(model)} in the model, {_short(data)} in the data"


def _short(value: Any) -> str:
    if isinstance(value, tuple | Mapping):
        text = f"[{', '.join(str(entry) for entry in value)}]"
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(value)})"
    text = "none" if value is None else f"{value}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

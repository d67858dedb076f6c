"""The schema file that users edit."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

# Parts that users look for first come first.
_ORDER = (
    *("keys", "tasks", "topics", "truth", "null_words", "quoting"),
    *("history", "features", "vocabularies"),
)


def edited_json(schema: Any, format_version: int) -> str:
    """A `Schema` as JSON without fields that have their default, one feature per line.

    `Schema.from_json` reads it back equal. `Schema.to_json` writes every key, because the
    fingerprint is computed from it.
    """
    value = {"format_version": format_version, **_changed(schema)}
    order = {name: place for place, name in enumerate(_ORDER)}
    names = sorted(value, key=lambda name: order.get(name, -1))
    lines = [f"  {json.dumps(name)}: {_one_a_line(value[name])}" for name in names]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _one_a_line(value: Any) -> str:
    if not (isinstance(value, list) and value):
        return json.dumps(value, ensure_ascii=False)
    items = ",\n".join(f"    {json.dumps(item, ensure_ascii=False)}" for item in value)
    return f"[\n{items}\n  ]"


def _changed(part: Any) -> dict[str, Any]:
    """The fields of a part that differ from their defaults; `kind` always, and first."""
    changed = {"kind": part.kind} if hasattr(part, "kind") else {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if field.name != "kind" and value != default:
            changed[field.name] = _plain(value)
    return changed


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return _changed(value)
    if isinstance(value, Mapping):
        return dict(value)
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value

"""Tasks as written on a command line."""

from collections.abc import Sequence
from typing import Any

from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.schema import Task
from tfrec_mt.schema.task import LOSSES

_KINDS: dict[str, dict[str, Any]] = {
    "binary": {},
    "regression": {"kind": "regression"},
    **{loss: {"kind": "regression", "loss": loss} for loss in LOSSES},
}


def tasks_of(texts: Sequence[str]) -> list[Task]:
    """Tasks from texts `name`, `name<within`, `name:kind` or `name<within:kind`.

    A plain name is a binary task; after the first, it is within the first. A task with a kind
    (`binary`, `regression` or a loss of a regression) is within another only by `<within`.

    Raises:
      SchemaError: No name, or an unknown kind.

    Example:
      >>> [task.within for task in tasks_of(["click", "order", "like:binary", "paid<order"])]
      [None, 'click', None, 'order']
    """
    found: list[Task] = []
    for text in texts:
        told, colon, kind = text.partition(":")
        name, inside, within = told.partition("<")
        if (colon and kind not in _KINDS) or (inside and not within):
            raise SchemaError(
                f"tasks: expected name, name<within or name:kind, got {text!r}"
                + (f"; {nearest(kind, _KINDS)}" if colon and kind not in _KINDS else "")
            )
        if not (colon or inside) and found and found[0].binary:
            within = found[0].name
        found.append(Task(name, within=within or None, **_KINDS[kind or "binary"]))
    return found

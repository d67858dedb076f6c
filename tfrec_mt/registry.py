"""Registers classes from outside this package in a catalog."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from tfrec_mt.errors import SchemaError

Kind = TypeVar("Kind", bound=type[Any])


def registering(
    what: str, name: str, catalog: dict[str, Any], base: type[Any], *, saved: bool
) -> Callable[[Kind], Kind]:
    """Returns a decorator that adds a class to a catalog.

    Args:
      what: What the catalog lists, for errors.
      name: Name of the class there.
      catalog: Classes by name.
      base: What the class must be a subclass of.
      saved: Whether Keras saves it, by the name of its file and its own.
    """

    def register(kind: Kind) -> Kind:
        if not (isinstance(kind, type) and issubclass(kind, base)):
            raise SchemaError(f"{what} {name!r}: expected a subclass of {base.__name__}")
        if inspect.isabstract(kind):
            missing = ", ".join(sorted(getattr(kind, "__abstractmethods__", ())))
            raise SchemaError(f"{what} {name!r}: {kind.__name__} does not define {missing}")
        before = catalog.get(name)
        # a notebook cell that is run again redefines its class
        if before is not None and before.__qualname__ != kind.__qualname__:
            raise SchemaError(f"{what} {name!r}: the name is taken by {before.__name__}")
        if saved:
            import keras

            keras.saving.register_keras_serializable(kind.__module__.rpartition(".")[2])(kind)
        catalog[name] = kind
        return kind

    return register


def is_ours(kind: type[Any]) -> bool:
    """Whether a class belongs to this package, whose tests check its contract."""
    return kind.__module__.partition(".")[0] == "tfrec_mt"

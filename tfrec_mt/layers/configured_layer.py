"""`ConfiguredLayer`: a layer whose configuration is its constructor's arguments."""

import inspect
from typing import Any

import keras

_FOREIGN = ("builtins", "keras", "tensorflow")


class ConfiguredLayer(keras.layers.Layer):
    """A layer that keeps every argument as the attribute of that name, so it can be rebuilt."""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **kept_arguments(self)}


def kept_arguments(made: Any) -> dict[str, Any]:
    """Constructor arguments of an object and of its base classes, as far as it keeps them.

    Arguments of base classes come first; those in `fixed_arguments` are left out.
    """
    kinds = [k for k in reversed(type(made).__mro__) if k.__module__.split(".")[0] not in _FOREIGN]
    names = [n for k in kinds if "__init__" in vars(k) for n in inspect.signature(k).parameters]
    names = [n for n in names if n not in getattr(made, "fixed_arguments", ())]
    return {name: getattr(made, name) for name in names if hasattr(made, name)}

"""`weight_budget`: refuses weights that cannot fit in memory before they are allocated."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras

from tfrec_mt.errors import SchemaError
from tfrec_mt.storage.memory import available_memory

_BYTES = 4


@contextlib.contextmanager
def weight_budget(what: str, slots: int = 0, times: int = 1) -> Iterator[None]:
    """Adds up the weights that layers create within the block, each before it is created.

    Args:
      what: What has the weights, for the error.
      slots: Values that an optimizer keeps for each.
      times: How many of them there will be.

    Raises:
      SchemaError: The weights so far and their slots need more memory than there is.
    """
    made, available = 0, available_memory()
    add_weight = keras.layers.Layer.add_weight

    def counted(layer: Any, *arguments: Any, **settings: Any) -> Any:
        nonlocal made
        shape = arguments[0] if arguments else settings.get("shape")
        made += math.prod(shape or ())
        needed = made * _BYTES * (1 + slots) * times
        if needed > available:
            raise SchemaError(
                f"{what}: expected weights that fit into {available / 1e9:,.1f} GB of free memory; "
                f"up to {settings.get('name')!r} of shape {[*(shape or ())]} they and their "
                f"optimizer need {needed / 1e9:,.1f} GB; choose smaller sizes"
            )
        return add_weight(layer, *arguments, **settings)

    keras.layers.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = add_weight

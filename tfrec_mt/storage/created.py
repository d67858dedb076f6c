"""`created_within`: bounds what a configuration of a few bytes can make Keras create."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

# Allowed beyond what is stored: counters, seeds, a second copy, and layers without variables.
_SPARE, _SPARE_NUMBERS, _LAYERS_OF_A_VARIABLE = 1_000, 1_000_000, 10


@contextlib.contextmanager
def created_within(variables: int, numbers: int) -> Iterator[None]:
    """Limits what its block creates to what a file of that many variables and numbers describes.

    Each variable and Keras layer is counted before it takes memory. A layer's dtype policy must be
    a `keras.DTypePolicy`.

    Raises:
      ValueError: Far more is asked for, or another policy.
    """
    left = {
        "layers": _LAYERS_OF_A_VARIABLE * variables + _SPARE,
        "variables": 2 * variables + _SPARE,
        "numbers": 2 * numbers + _SPARE_NUMBERS,
    }

    def take(what: str, count: int) -> None:
        left[what] -= count
        if left[what] < 0:
            raise ValueError(
                f"the configuration asks for more {what} than belong to the {variables:,} "
                f"variables of {numbers:,} numbers that are stored"
            )

    def create(create_next: Any, **settings: Any) -> Any:
        initial = settings["initial_value"]
        if callable(initial):
            with tf.Graph().as_default():  # the shape alone
                initial = initial()
        take("variables", 1)
        take("numbers", tf.TensorShape(getattr(initial, "shape", ())).num_elements() or 0)
        return create_next(**settings)

    new = keras.layers.Layer.__dict__["__new__"]
    made: list[keras.layers.Layer] = []

    # not __init__, whose arguments Keras inspects
    def counted(kind: type, *args: Any, **settings: Any) -> Any:
        take("layers", 1)
        made.append(new.__func__(kind, *args, **settings))
        return made[-1]

    keras.layers.Layer.__new__ = staticmethod(counted)
    try:
        with tf.variable_creator_scope(create):
            yield
    finally:
        keras.layers.Layer.__new__ = new
    for layer in made:
        # a layer that was made and not used has none
        policy = getattr(layer, "dtype_policy", None)
        if policy is not None and not isinstance(policy, keras.DTypePolicy):
            raise ValueError(f"dtype: expected a policy of types, got {policy!r:.80}")

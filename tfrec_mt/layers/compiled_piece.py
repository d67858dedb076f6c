"""Pieces of a training step that XLA compiles to one pass over memory."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def compiled_piece(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled by XLA, for values and written-out gradients.

    No gradient passes it, and it is compiled again for every new shape.
    """
    compiled = tf.function(function, jit_compile=True, autograph=False, reduce_retracing=True)

    def call(*arguments: Any) -> Any:
        # an enclosing tape would have the function put out all that lies within, pass by pass
        return compiled(*(tf.stop_gradient(argument) for argument in arguments))

    return call


def column_sums(x: Any) -> Any:
    """Sums `[D]` of `[N, D]` in float32."""
    return tf.reduce_sum(tf.cast(x, tf.float32), axis=0)


compiled_column_sums = compiled_piece(column_sums)

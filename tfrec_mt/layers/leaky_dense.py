"""A dense layer with LeakyReLU, in as few passes over memory as possible on a CPU."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def compiled_piece(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a function with XLA, for values and written-out gradients.

    Gradients do not pass through it, and it is compiled again for every new shape.
    """
    compiled = tf.function(function, jit_compile=True, autograph=False, reduce_retracing=True)

    def call(*arguments: Any) -> Any:
        # under a tape, the function would also return every intermediate value, a pass each
        return compiled(*(tf.stop_gradient(argument) for argument in arguments))

    return call


def column_sums(x: Any) -> Any:
    """Sums `[D]` of `[N, D]` in float32."""
    return tf.reduce_sum(tf.cast(x, tf.float32), axis=0)


compiled_column_sums = compiled_piece(column_sums)


def leaky_dense(x: Any, kernel: Any, bias: Any, slope: float) -> Any:
    """`max(s, slope s)` of `s = x kernel + bias`, for training in float32.

    TensorFlow's gradient needs `s`, which prevents it from fusing product, bias and activation.
    Here the sign of the output is used in place of that of `s`.

    Args:
      x: `[B, D]`.
      kernel: `[D, U]`.
      bias: `[U]`.
      slope: Above 0.

    Returns:
      `[B, U]`.
    """

    @tf.custom_gradient
    def layer(x: Any, kernel: Any, bias: Any) -> tuple[Any, Any]:
        y = tf.nn.leaky_relu(tf.nn.bias_add(tf.matmul(x, kernel), bias), slope)

        def gradient(upstream: Any) -> tuple[Any, Any, Any]:
            to_sum = tf.raw_ops.LeakyReluGrad(gradients=upstream, features=y, alpha=slope)
            to_x = tf.matmul(to_sum, kernel, transpose_b=True)
            to_kernel = tf.matmul(x, to_sum, transpose_a=True)
            return to_x, to_kernel, tf.raw_ops.BiasAddGrad(out_backprop=to_sum)

        return y, gradient

    return layer(x, kernel, bias)


def leaky_dense_bfloat16(x: Any, kernel: Any, bias: Any, slope: float) -> Any:
    """`leaky_dense` with bfloat16 products and XLA between them; all sums are float32.

    Args:
      x: bfloat16 `[B, D]`, as the result.
      kernel: float32 `[D, U]`.
      bias: float32 `[U]`.
      slope: Above 0.
    """

    @tf.custom_gradient
    def layer(x: Any, kernel: Any, bias: Any) -> tuple[Any, Any]:
        short = tf.cast(kernel, x.dtype)
        y = _ACTIVATE(tf.matmul(x, short), bias, slope)

        def gradient(upstream: Any) -> tuple[Any, Any, Any]:
            to_sum = _SLOPE(upstream, y, slope)
            to_x = tf.matmul(to_sum, short, transpose_b=True)
            to_kernel = tf.matmul(x, to_sum, transpose_a=True)
            return to_x, tf.cast(to_kernel, kernel.dtype), compiled_column_sums(to_sum)

        return y, gradient

    return layer(x, kernel, bias)


def _leaky(s: Any, of: Any, slope: Any) -> Any:
    return tf.where(s > 0, of, slope * of)


def _activate(x: Any, bias: Any, slope: Any) -> Any:
    s = tf.cast(x, tf.float32) + bias
    return tf.cast(_leaky(s, s, slope), x.dtype)


def _slope(upstream: Any, y: Any, slope: Any) -> Any:
    found = _leaky(tf.cast(y, tf.float32), tf.cast(upstream, tf.float32), slope)
    return tf.cast(found, upstream.dtype)


_ACTIVATE, _SLOPE = compiled_piece(_activate), compiled_piece(_slope)

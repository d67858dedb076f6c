"""Operations between a transformer's matrix products, in few passes over memory.

TensorFlow's gradients read and write the widest tensors of a transformer about three times as often
as needed, which takes most of a training step on a CPU. Here gradients are written out, and with
XLA each value and each gradient is one pass. XLA compiles again for every new shape.
"""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfrec_mt.layers.leaky_dense import column_sums, compiled_column_sums, compiled_piece

# gelu(x) = x / 2 (1 + tanh(x (A + B x^2)))
_A = math.sqrt(2.0 / math.pi)
_B = _A * 0.044715


def add_bias(x: Any, bias: Any, compiled: bool = False) -> Any:
    """`x + bias` of `[N, D]` and float32 `[D]`.

    The bias is not fused into the product, as TensorFlow's fusion made bfloat16 products three
    times as slow.
    """
    add, columns = (_ADD, compiled_column_sums) if compiled else (_add, column_sums)

    @tf.custom_gradient
    def plus(x: Any, bias: Any) -> tuple[Any, Any]:
        return add(x, bias), lambda upstream: (upstream, columns(upstream))

    return plus(x, bias)


def gelu(x: Any, bias: Any, compiled: bool = False) -> Any:
    """`0.5 s (1 + tanh(sqrt(2 / pi) (s + 0.044715 s^3)))` of `s = x + bias`.

    Args:
      x: `[N, D]`.
      bias: float32 `[D]`.
      compiled: Whether by XLA.

    Reference:
      Hendrycks and Gimpel 2016, Gaussian Error Linear Units, section 2.
    """
    value, slope, columns = _gelu, _gelu_slope, column_sums
    if compiled:
        value, slope, columns = _GELU, _GELU_SLOPE, compiled_column_sums

    @tf.custom_gradient
    def gelu(x: Any, bias: Any) -> tuple[Any, Any]:
        def gradient(upstream: Any) -> tuple[Any, Any]:
            to_sum = slope(x, bias, upstream)
            return to_sum, columns(to_sum)

        return value(x, bias), gradient

    return gelu(x, bias)


def norm_of_sum(
    x: Any, bias: Any, y: Any, gamma: Any, beta: Any, epsilon: float, compiled: bool = False
) -> Any:
    """`gamma (s - mean) / sqrt(variance + epsilon) + beta` of `s = x + bias + y`, per row.

    Sum, mean and variance are float32 for any type of inputs.

    Args:
      x: `[N, D]`; the result has its type.
      bias: float32 `[D]`.
      y: `[N, D]` of x's type.
      gamma: float32 `[D]`.
      beta: float32 `[D]`.
      epsilon: Above 0.
      compiled: Whether by XLA.

    Reference:
      Ba et al. 2016, Layer Normalization.
    """
    value, slope, slopes, columns = _norm, _norm_slope, _norm_slopes, column_sums
    if compiled:
        value, slope, slopes = _NORM, _NORM_SLOPE, _NORM_SLOPES
        columns = compiled_column_sums

    @tf.custom_gradient
    def norm(x: Any, bias: Any, y: Any, gamma: Any, beta: Any) -> tuple[Any, Any]:
        def gradient(upstream: Any) -> tuple[Any, ...]:
            to_sum = slope(x, bias, y, gamma, epsilon, upstream)
            # separate calls, which are pruned where gamma and beta are not trained
            to_gamma, to_beta = slopes(x, bias, y, epsilon, upstream)
            return to_sum, columns(to_sum), to_sum, to_gamma, to_beta

        return value(x, bias, y, gamma, beta, epsilon), gradient

    return norm(x, bias, y, gamma, beta)


def _add(x: Any, bias: Any) -> Any:
    return x + tf.cast(bias, x.dtype)


def _gelu(x: Any, bias: Any) -> Any:
    x = _add(x, bias)
    return 0.5 * x * (1.0 + tf.tanh(x * (_B * tf.square(x) + _A)))


def _gelu_slope(x: Any, bias: Any, upstream: Any) -> Any:
    x = _add(x, bias)
    square = tf.square(x)
    wave = tf.tanh(x * (_B * square + _A))
    return 0.5 * upstream * (1.0 + wave + (1.0 - wave * wave) * x * ((3.0 * _B) * square + _A))


def _norm(x: Any, bias: Any, y: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    standard, _ = _standard(x, bias, y, epsilon)
    return tf.cast(standard * gamma + beta, x.dtype)


def _norm_slope(x: Any, bias: Any, y: Any, gamma: Any, epsilon: float, upstream: Any) -> Any:
    standard, inverse = _standard(x, bias, y, epsilon)
    scaled = tf.cast(upstream, tf.float32) * gamma
    slope = (scaled - _means(scaled) - standard * _means(scaled * standard)) * inverse
    return tf.cast(slope, upstream.dtype)


def _norm_slopes(x: Any, bias: Any, y: Any, epsilon: float, upstream: Any) -> tuple[Any, Any]:
    standard, _ = _standard(x, bias, y, epsilon)
    upstream = tf.cast(upstream, tf.float32)
    return tf.reduce_sum(upstream * standard, axis=0), tf.reduce_sum(upstream, axis=0)


def _standard(x: Any, bias: Any, y: Any, epsilon: float) -> tuple[Any, Any]:
    """The normalised sum `[N, D]` and its inverse deviation `[N, 1]`."""
    total = tf.cast(x, tf.float32) + bias + tf.cast(y, tf.float32)
    centred = total - _means(total)
    inverse = tf.math.rsqrt(_means(tf.square(centred)) + epsilon)
    return centred * inverse, inverse


def _means(x: Any) -> Any:
    """Mean of each row, `[N, 1]`; a product with a vector is XLA's fastest way to sum rows."""
    width = tf.shape(x)[1]
    return tf.matmul(x, tf.fill([width, 1], 1.0 / tf.cast(width, x.dtype)))


def _in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a function to compute in float32, at no cost in XLA's fused passes."""

    def wide(*tensors: Any) -> Any:
        value = function(*(tf.cast(tensor, tf.float32) for tensor in tensors))
        return tf.cast(value, tensors[0].dtype)

    return wide


_ADD = compiled_piece(_in_float32(_add))
_GELU, _GELU_SLOPE = compiled_piece(_in_float32(_gelu)), compiled_piece(_in_float32(_gelu_slope))
_NORM, _NORM_SLOPE = compiled_piece(_norm), compiled_piece(_norm_slope)
_NORM_SLOPES = compiled_piece(_norm_slopes)

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_mt.layers.lean_gradients import gelu, layer_norm

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(7, 12), scale=3.0).astype(np.float32)


def gradients(function: Callable[..., Any], *inputs: Any) -> tuple[Any, list[Any]]:
    tensors = [tf.constant(value) for value in inputs]
    upstream = np.random.default_rng(1).normal(size=ROWS.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
        total = tf.reduce_sum(value * upstream)
    return value, tape.gradient(total, tensors)


def same(one: Callable[..., Any], other: Callable[..., Any], *inputs: Any) -> None:
    value, slopes = gradients(one, *inputs)
    expected, expected_slopes = gradients(other, *inputs)
    np.testing.assert_allclose(value, expected, atol=2e-5)
    for slope, wanted in zip(slopes, expected_slopes, strict=True):
        np.testing.assert_allclose(slope, wanted, atol=2e-4)


def test_gelu_and_its_gradient_equal_tensorflows() -> None:
    same(gelu, lambda x: tf.nn.gelu(x, approximate=True), ROWS)


def test_gelu_of_the_far_ends() -> None:
    ends = np.full_like(ROWS, 50.0)
    ends[:, ::2] *= -1.0
    value, (slope,) = gradients(gelu, ends)
    np.testing.assert_array_equal(value, np.maximum(ends, 0.0))
    assert np.isfinite(slope).all()


def test_layer_norm_and_its_gradients_equal_derived_ones() -> None:
    def plain(x: Any, gamma: Any, beta: Any) -> Any:
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return gamma * (x - mean) / tf.sqrt(variance + 1e-3) + beta

    gamma, beta = RNG.normal(size=(2, 12)).astype(np.float32)
    same(lambda x, g, b: layer_norm(x, g, b, 1e-3), plain, ROWS + 5.0, gamma, beta)

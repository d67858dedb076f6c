from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.layers.leaky_dense import leaky_dense, leaky_dense_bfloat16

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 16)).astype(np.float32)
KERNEL = (0.3 * RNG.normal(size=(16, 24))).astype(np.float32)
BIAS = RNG.normal(size=24).astype(np.float32)
UPSTREAM = RNG.normal(size=(40, 24)).astype(np.float32)


def plain(x: Any, kernel: Any, bias: Any, slope: float) -> Any:
    return tf.nn.leaky_relu(tf.nn.bias_add(x @ kernel, bias), slope)


def value_and_gradients(layer: Any, x: Any, slope: float) -> list[np.ndarray]:
    """As a training step has them: in a graph."""

    @tf.function(autograph=False)
    def run(*inputs: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = layer(*inputs, slope)
            total = tf.reduce_sum(tf.cast(value, tf.float32) * UPSTREAM)
        return value, *tape.gradient(total, inputs)

    return [tf.cast(v, tf.float32).numpy() for v in run(x, tf.constant(KERNEL), tf.constant(BIAS))]


@pytest.mark.parametrize("slope", [0.01, 0.3])
def test_equals_product_bias_and_activation_to_the_bit(slope: float) -> None:
    found = value_and_gradients(leaky_dense, tf.constant(X), slope)
    expected = value_and_gradients(plain, tf.constant(X), slope)
    assert (expected[0] < 0).any() and (expected[0] > 0).any()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("slope", [0.01, 0.3])
def test_bfloat16_is_as_exact_as_its_eight_bits(slope: float) -> None:
    found = value_and_gradients(leaky_dense_bfloat16, tf.cast(X, tf.bfloat16), slope)
    expected = value_and_gradients(plain, tf.constant(X), slope)
    for one, other in zip(found, expected, strict=True):
        # a product of inputs with 8 significant bits, rounded to 8
        assert np.abs(one - other).max() < 0.02 * np.abs(other).max()
        assert np.any(one != other)


def test_bfloat16_gives_weights_float32_gradients() -> None:
    kernel, bias = tf.constant(KERNEL), tf.constant(BIAS)
    with tf.GradientTape() as tape:
        tape.watch([kernel, bias])
        value = leaky_dense_bfloat16(tf.cast(X, tf.bfloat16), kernel, bias, 0.01)
        total = tf.reduce_sum(tf.cast(value, tf.float32))
    assert value.dtype == tf.bfloat16
    assert [g.dtype for g in tape.gradient(total, [kernel, bias])] == [tf.float32] * 2

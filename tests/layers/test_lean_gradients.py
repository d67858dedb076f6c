from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.layers.lean_gradients import add_bias, gelu, norm_of_sum

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(7, 12), scale=3.0).astype(np.float32)
OTHERS = RNG.normal(size=(7, 12)).astype(np.float32)
BIAS, GAMMA, BETA = RNG.normal(size=(3, 12)).astype(np.float32)


def gradients(function: Callable[..., Any], *inputs: Any) -> tuple[Any, list[Any]]:
    """Value and gradients, as a training step has them: in a graph, by a persistent tape."""
    upstream = np.random.default_rng(1).normal(size=ROWS.shape).astype(np.float32)

    @tf.function(autograph=False)
    def run(*tensors: Any) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(tensors)
            value = function(*tensors)
            total = tf.reduce_sum(tf.cast(value, tf.float32) * upstream)
        return value, tape.gradient(total, tensors)

    value, slopes = run(*map(tf.constant, inputs))
    return value, list(slopes)


def same(one: Callable[..., Any], other: Callable[..., Any], *inputs: Any) -> None:
    value, slopes = gradients(one, *inputs)
    expected, expected_slopes = gradients(other, *inputs)
    np.testing.assert_allclose(value, expected, atol=2e-5)
    for slope, wanted in zip(slopes, expected_slopes, strict=True):
        np.testing.assert_allclose(slope, wanted, atol=2e-4)


def plain_norm(x: Any, bias: Any, y: Any, gamma: Any, beta: Any) -> Any:
    total = x + bias + y
    mean, variance = tf.nn.moments(total, [-1], keepdims=True)
    return gamma * (total - mean) / tf.sqrt(variance + 1e-3) + beta


@pytest.mark.parametrize("compiled", [False, True])
def test_gelu_and_its_gradients_equal_tensorflows(compiled: bool) -> None:
    same(
        lambda x, b: gelu(x, b, compiled),
        lambda x, b: tf.nn.gelu(x + b, approximate=True),
        ROWS,
        BIAS,
    )


@pytest.mark.parametrize("compiled", [False, True])
def test_gelu_of_the_far_ends(compiled: bool) -> None:
    ends = np.full_like(ROWS, 50.0)
    ends[:, ::2] *= -1.0
    value, slopes = gradients(lambda x, b: gelu(x, b, compiled), ends, 0.0 * BIAS)
    np.testing.assert_array_equal(value, np.maximum(ends, 0.0))
    assert all(np.isfinite(slope).all() for slope in slopes)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_bias_and_its_gradients(compiled: bool) -> None:
    same(lambda x, b: add_bias(x, b, compiled), lambda x, b: x + b, ROWS, BIAS)


@pytest.mark.parametrize("compiled", [False, True])
def test_the_norm_of_a_sum_and_its_gradients_equal_derived_ones(compiled: bool) -> None:
    same(
        lambda x, b, y, gamma, beta: norm_of_sum(x, b, y, gamma, beta, 1e-3, compiled),
        plain_norm,
        ROWS + 5.0,
        BIAS,
        OTHERS,
        GAMMA,
        BETA,
    )


@pytest.mark.parametrize("compiled", [False, True])
def test_of_bfloat16_it_is_what_float32_gives_rounded(compiled: bool) -> None:
    rows, others = (tf.cast(values, tf.bfloat16) for values in (ROWS, OTHERS))
    exact = [tf.cast(values, tf.float32).numpy() for values in (rows, others)]
    value, (slope, to_bias, *_) = gradients(
        lambda x, b, y: norm_of_sum(x, b, y, GAMMA, BETA, 1e-3, compiled), rows, BIAS, others
    )
    expected, (wanted, wanted_bias, *_) = gradients(
        lambda x, b, y: plain_norm(x, b, y, GAMMA, BETA), exact[0], BIAS, exact[1]
    )
    assert value.dtype == slope.dtype == tf.bfloat16
    assert to_bias.dtype == tf.float32
    np.testing.assert_allclose(tf.cast(value, tf.float32), expected, atol=0.02)
    np.testing.assert_allclose(tf.cast(slope, tf.float32), wanted, atol=0.02)
    np.testing.assert_allclose(to_bias, wanted_bias, atol=0.05)

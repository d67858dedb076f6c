"""Layers of models of many domains, against numpy row by row."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.longhand import dense_net
from tests.worlds import randomise, weights_by_path
from tfrec_mt.layers.gate_unit import GatedNet, GateUnit
from tfrec_mt.layers.partitioned_norm import PartitionedNorm
from tfrec_mt.layers.star_net import StarNet

ROWS, WIDTH, DOMAINS = 40, 5, 3
INPUTS = np.random.default_rng(0).normal(2.0, 3.0, (ROWS, WIDTH)).astype(np.float32)
CODES = np.random.default_rng(1).integers(0, DOMAINS + 1, ROWS).astype(np.int32)


def _leaky(x: Any, slope: float) -> Any:
    return np.where(x > 0, x, slope * x)


def _gate(inputs: np.ndarray, weights: dict[str, Any]) -> np.ndarray:
    hidden = np.maximum(inputs @ weights["hidden/kernel"] + weights["hidden/bias"], 0)
    return 2 / (1 + np.exp(-(hidden @ weights["gate/kernel"] + weights["gate/bias"])))


def _norm() -> PartitionedNorm:
    layer = PartitionedNorm(DOMAINS, momentum=0.75, epsilon=0.01, name="norm")
    layer.build(INPUTS.shape)
    randomise(layer)
    return layer


def _normalised(weights: dict[str, Any], row: Any, code: int, mean: Any, variance: Any) -> Any:
    scale = weights["scale"] * weights["scales"][code] / np.sqrt(variance + 0.01)
    return (row - mean) * scale + weights["shift"] + weights["shifts"][code]


def test_norm_uses_each_domains_moments_and_learns_them() -> None:
    layer = _norm()
    weights = weights_by_path(layer, "norm")
    codes = np.where(CODES == 2, 0, CODES)
    codes[7] = 2  # one row alone has no variance
    found = layer(INPUTS, codes, training=True).numpy()
    for row, code in enumerate(codes):
        of_domain = INPUTS[codes == code].astype(np.float64)
        mean, variance = of_domain.mean(0), of_domain.var(0)
        if code == 2:
            mean, variance = weights["mean"][2], weights["variance"][2]
        expected = _normalised(weights, INPUTS[row], code, mean, variance)
        np.testing.assert_allclose(found[row], expected, atol=1e-4)
    after = weights_by_path(layer, "norm")
    of_domain = INPUTS[codes == 1].astype(np.float64)
    np.testing.assert_allclose(after["mean"][1], 0.25 * of_domain.mean(0), rtol=1e-5)
    np.testing.assert_allclose(after["variance"][1], 0.75 + 0.25 * of_domain.var(0), rtol=1e-5)
    np.testing.assert_array_equal(after["mean"][2], weights["mean"][2])


def test_norm_outside_of_training_uses_what_it_learned() -> None:
    layer = _norm()
    rng = np.random.default_rng(2)
    layer.mean.assign(rng.normal(size=layer.mean.shape))
    layer.variance.assign(rng.uniform(0.5, 2, layer.variance.shape))
    weights = weights_by_path(layer, "norm")
    found = layer(INPUTS, CODES).numpy()
    for row, code in enumerate(CODES):
        mean, variance = weights["mean"][code], weights["variance"][code]
        expected = _normalised(weights, INPUTS[row], code, mean, variance)
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


def test_gradients_pass_through_the_batchs_moments() -> None:
    layer = _norm()
    inputs = tf.constant(INPUTS)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(layer(inputs, CODES, training=True))
    # what is added to all rows of a domain does not change what comes out
    gradient = tape.gradient(total, inputs).numpy()
    for code in range(DOMAINS + 1):
        np.testing.assert_allclose(gradient[code == CODES].sum(0), 0, atol=1e-3)


@pytest.mark.parametrize("mixed", [True, False])
def test_star_multiplies_each_row_by_its_own_domains_weights(mixed: bool) -> None:
    layer = StarNet(DOMAINS, (4, 3), negative_slope=0.2, name="star")
    layer.build(INPUTS.shape)
    randomise(layer)
    codes = CODES if mixed else np.full_like(CODES, 2)
    found = layer(INPUTS, codes).numpy()
    weights = weights_by_path(layer, "star")
    normalised = layer._norm(INPUTS, codes).numpy().astype(np.float64)
    for row, code in enumerate(codes):
        hidden = normalised[row]
        for i in range(2):
            kernel = weights[f"kernel_{i}"] * weights[f"kernels_{i}"][code]
            hidden = hidden @ kernel + weights[f"bias_{i}"] + weights[f"biases_{i}"][code]
            hidden = _leaky(hidden, 0.2)
        np.testing.assert_allclose(found[row], hidden, rtol=1e-4, atol=1e-5)


def test_star_starts_with_all_domains_alike() -> None:
    layer = StarNet(DOMAINS, (4,), name="star")
    layer.build(INPUTS.shape)
    same = np.repeat(INPUTS[:1], DOMAINS + 1, axis=0)
    found = layer(same, np.arange(DOMAINS + 1, dtype=np.int32)).numpy()
    expected = np.repeat(found[:1], DOMAINS + 1, axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_gate_unit_is_between_0_and_2() -> None:
    layer = GateUnit(4, hidden=6, name="unit")
    layer.build(INPUTS.shape)
    randomise(layer)
    found = layer(INPUTS).numpy()
    np.testing.assert_allclose(found, _gate(INPUTS, weights_by_path(layer, "unit")), rtol=1e-5)
    assert 0 < found.min() < 0.5 and 1.5 < found.max() < 2


def test_gated_net_gates_the_inputs_of_every_layer() -> None:
    prior = np.random.default_rng(3).normal(size=(ROWS, 2)).astype(np.float32)
    layer = GatedNet((4, 3), hidden=6, negative_slope=0.2, name="net")
    layer.build(INPUTS.shape, prior.shape)
    randomise(layer)
    weights = weights_by_path(layer, "net")
    hidden = INPUTS.astype(np.float64)
    for i in range(2):
        hidden = hidden * _gate(prior, weights_by_path(layer, f"net/gate_{i}"))
        hidden = hidden @ weights[f"dense_{i}/kernel"] + weights[f"dense_{i}/bias"]
        hidden = _leaky(hidden, 0.2)
    np.testing.assert_allclose(layer(INPUTS, prior).numpy(), hidden, rtol=1e-4, atol=1e-5)


def test_an_open_gate_leaves_a_dense_net() -> None:
    layer = GatedNet((4, 3), hidden=6, name="net")
    layer.build(INPUTS.shape, (ROWS, 2))
    weights = weights_by_path(layer, "net")
    for name in [name for name in weights if "gate" in name]:
        weight = next(w for w in layer.weights if w.path.endswith(f"net/{name}"))
        weight.assign(np.zeros(weight.shape))  # sigmoid(0) * 2 = 1
    expected = dense_net(INPUTS, {n: w for n, w in weights.items() if "gate" not in n})
    found = layer(INPUTS, np.zeros((ROWS, 2), np.float32)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)

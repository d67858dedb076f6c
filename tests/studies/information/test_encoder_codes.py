import numpy as np
import pytest
import tensorflow as tf

from studies.information.encoder_codes import (
    decode,
    distance_from_start,
    divergence_from_start,
    encode,
    weigh,
)
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.schema import SchemaError

WIDTHS = {"ctr": 7, "ctcvr": 5}


def _layer(units: tuple[int, ...]) -> IAK:
    layer = IAK("scene", ("home", "work"), WIDTHS, units, negative_slope=0.2)
    rng = np.random.default_rng(0)
    for domain in layer.domains:
        weights = layer.kernel(domain)
        layer.set_kernel(
            domain, {n: w + rng.normal(size=w.shape).astype("f") for n, w in weights.items()}
        )
    return layer


@pytest.mark.parametrize("units", [(3,), (4, 6, 3)])
def test_a_decoded_code_is_what_the_layer_adds(units: tuple[int, ...]) -> None:
    layer = _layer(units)
    rng = np.random.default_rng(1)
    knowledge = {task: rng.normal(size=(9, width)).astype("f") for task, width in WIDTHS.items()}
    for number, domain in enumerate(layer.domains, start=1):
        added = layer(knowledge, tf.fill([9], number))
        for task, rows in knowledge.items():
            weights = layer.kernel(domain)
            code = encode(weights, task, rows, layer.negative_slope)
            assert code.shape == (9, 3)
            np.testing.assert_allclose(
                decode(weights, task, code), added[task], rtol=1e-4, atol=1e-4
            )


def test_weights_alone_are_the_code_before_bias_and_bend() -> None:
    layer = _layer((3,))
    rows = np.random.default_rng(2).normal(size=(9, 7))
    weights = layer.kernel("work")
    straight = encode({**weights, "ctr_encoder_bias_0": np.zeros(3)}, "ctr", rows, 1.0)
    np.testing.assert_allclose(weigh(weights, "ctr", rows), straight)


@pytest.mark.parametrize("units", [(3,), (4, 3)])
def test_divergences_of_all_tasks_are_the_penalty(units: tuple[int, ...]) -> None:
    layer = _layer(units)
    sums = [
        sum(divergence_from_start(layer.kernel(domain), task) for task in WIDTHS)
        for domain in layer.domains
    ]
    np.testing.assert_allclose(sums, layer.penalty(), rtol=1e-4)


def test_a_distance_is_a_mean_over_all_weights_of_a_task() -> None:
    start = _layer((4, 3)).kernel("home")
    moved = dict(start)
    moved["ctr_encoder_kernel_0"] = start["ctr_encoder_kernel_0"] + 3.0
    moved["ctcvr_encoder_kernel_1"] = start["ctcvr_encoder_kernel_1"] - 9.0
    assert distance_from_start(start, start, "ctr") == 0.0
    expected = np.sqrt(9.0 * 28 / (28 + 12))
    assert distance_from_start(moved, start, "ctr") == pytest.approx(expected)


def test_other_weights_are_refused() -> None:
    with pytest.raises(SchemaError, match=r"no encoder of task 'cvr' in weights .* expected IAK"):
        divergence_from_start(_layer((3,)).kernel("home"), "cvr")

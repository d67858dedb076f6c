import numpy as np
import pytest

from tests.layers.longhand import dense_net
from tests.worlds import randomise, weights_by_path
from tfrec_mt.layers.expert_mixture import ExpertMixture

INPUTS = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)


@pytest.mark.parametrize("experts", [2, 3])
def test_equals_softmax_gates_over_experts(experts: int) -> None:
    layer = ExpertMixture(("ctr", "ctcvr"), experts, units=(6, 4), name="mixture")
    layer.build(INPUTS.shape)
    randomise(layer)
    found = layer(INPUTS)
    assert list(found) == ["ctr", "ctcvr"]
    outputs = [dense_net(INPUTS, weights_by_path(layer, f"expert_{e}")) for e in range(experts)]
    for task, mixture in found.items():
        gate = np.exp(INPUTS.astype(np.float64) @ weights_by_path(layer, f"{task}_gate")["kernel"])
        gate /= gate.sum(axis=1, keepdims=True)
        expected = sum(gate[:, [e]] * outputs[e] for e in range(experts))
        np.testing.assert_allclose(mixture.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_dropout_is_active_in_training_only() -> None:
    layer = ExpertMixture(("ctr",), 2, units=(64,), dropout=0.5)
    quiet = layer(INPUTS)["ctr"].numpy()
    np.testing.assert_array_equal(quiet, layer(INPUTS, training=False)["ctr"].numpy())
    assert np.any(quiet != layer(INPUTS, training=True)["ctr"].numpy())

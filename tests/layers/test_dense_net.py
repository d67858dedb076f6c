import numpy as np
import pytest

from tests.layers.longhand import dense_net
from tests.worlds import randomise, weights_by_path
from tfrec_mt.layers.dense_net import DenseNet

INPUTS = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)


@pytest.mark.parametrize("slope", [0.01, 0.3])
def test_equals_the_longhand(slope: float) -> None:
    layer = DenseNet((7, 3), negative_slope=slope, name="net")
    layer.build(INPUTS.shape)
    randomise(layer)
    expected = dense_net(INPUTS, weights_by_path(layer, "net"), slope)
    assert (expected < 0).any()
    np.testing.assert_allclose(layer(INPUTS).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_no_units_is_the_identity() -> None:
    layer = DenseNet(())
    np.testing.assert_array_equal(layer(INPUTS).numpy(), INPUTS)
    assert layer.compute_output_shape((None, 5)) == (None, 5)


def test_dropout_scales_what_it_keeps_and_only_in_training() -> None:
    inputs = np.random.default_rng(1).normal(size=(200, 5)).astype(np.float32)
    layer = DenseNet((8,), dropout=0.25, name="net")
    layer.build(inputs.shape)
    randomise(layer)
    expected = dense_net(inputs, weights_by_path(layer, "net"))
    np.testing.assert_allclose(layer(inputs).numpy(), expected, rtol=1e-5, atol=1e-6)
    trained = layer(inputs, training=True).numpy()
    kept = trained != 0
    np.testing.assert_allclose(trained[kept], expected[kept] / 0.75, rtol=1e-5, atol=1e-6)
    assert 0.15 < 1 - kept.mean() < 0.35

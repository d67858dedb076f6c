import numpy as np
import pytest

from tests.layers.longhand import dense_net
from tests.worlds import randomise, weights_by_path
from tfrec_mt.layers.dense_net import DenseNet

INPUTS = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("slope", [0.01, 0.3])
def test_equals_the_longhand(slope: float, training: bool) -> None:
    layer = DenseNet((7, 3), negative_slope=slope, name="net")
    layer.build(INPUTS.shape)
    randomise(layer)
    expected = dense_net(INPUTS, weights_by_path(layer, "net"), slope)
    assert (expected < 0).any()
    found = layer(INPUTS, training=training).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


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


def test_products_are_bfloat16_in_training_only_and_outputs_float32() -> None:
    layer = DenseNet((7, 3), precision="bfloat16", name="net")
    layer.build(INPUTS.shape)
    randomise(layer)
    expected = dense_net(INPUTS, weights_by_path(layer, "net"))
    np.testing.assert_allclose(layer(INPUTS).numpy(), expected, rtol=1e-5, atol=1e-6)
    trained = layer(INPUTS, training=True)
    assert trained.dtype == "float32"
    difference = np.abs(trained.numpy() - expected).max()
    assert 1e-5 < difference < 0.03 * np.abs(expected).max()


def test_serving_precision_is_of_products_outside_of_training() -> None:
    layer = DenseNet((7, 3), name="net")
    layer.build(INPUTS.shape)
    randomise(layer)
    plain, trained = (layer(INPUTS, training=training).numpy() for training in (False, True))
    layer.set_serving_precision("bfloat16")
    short = layer(INPUTS)
    assert short.dtype == "float32"
    assert 1e-5 < np.abs(short.numpy() - plain).max() < 0.03 * np.abs(plain).max()
    np.testing.assert_array_equal(layer(INPUTS, training=True), trained)
    layer.set_serving_precision("float32")
    np.testing.assert_array_equal(layer(INPUTS), plain)


def test_another_precision_is_refused() -> None:
    with pytest.raises(ValueError, match=r"float32, bfloat16, got 'half'"):
        DenseNet((3,), precision="half")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"float32, bfloat16, got 'half'"):
        DenseNet((3,)).set_serving_precision("half")  # type: ignore[arg-type]

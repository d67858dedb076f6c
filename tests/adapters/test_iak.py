import numpy as np
import pytest

from tfrec_mt.adapters.iak import IAK


def test_encoders_start_at_the_standard_normal_each_its_own() -> None:
    layer = IAK("region", ("a", "b"), {"ctr": 200})
    kernels = [layer.kernel(domain)["ctr_encoder_kernel_0"] for domain in ("a", "b")]
    for kernel in kernels:
        assert kernel.shape == (200, 50)
        # standard errors at 10,000 weights are .01 and .007
        assert abs(kernel.mean()) < 0.05
        assert abs(kernel.std() - 1.0) < 0.04
    assert abs(np.corrcoef(kernels[0].ravel(), kernels[1].ravel())[0, 1]) < 0.05
    assert np.all(np.abs(layer.penalty().numpy()) < 0.01)


def test_activations_keep_their_scale_whatever_the_width() -> None:
    rng = np.random.default_rng(0)
    spreads = []
    for width in (20, 2000):
        layer = IAK("region", ("a",), {"ctr": width}, encoder_units=(50,), negative_slope=1.0)
        weights = layer.kernel("a")
        weights["ctr_decoder_kernel"][:, 0] = 1.0  # the sum of the code
        layer.set_kernel("a", weights)
        rows = rng.normal(size=(400, width)).astype(np.float32)
        found = layer({"ctr": rows}, np.ones(400, np.int32))["ctr"].numpy()[:, 0]
        spreads.append(found.std())
    assert 0.6 < spreads[1] / spreads[0] < 1.7


def test_penalty_is_the_divergence_of_the_two_normals() -> None:
    layer = IAK("region", ("a", "b"), {"ctr": 8}, encoder_units=(6,))
    grid = np.linspace(-30.0, 30.0, 200_001)
    expected = []
    for seed, domain in enumerate(("a", "b")):
        weights = layer.kernel(domain)
        values = np.random.default_rng(seed).normal(0.5 + seed, 0.3 + seed, size=(8, 6))
        weights["ctr_encoder_kernel_0"] = values.astype(np.float32)
        layer.set_kernel(domain, weights)
        mean, variance = values.mean(), values.var()
        log_p = -0.5 * ((grid - mean) ** 2 / variance + np.log(2 * np.pi * variance))
        log_q = -0.5 * (grid**2 + np.log(2 * np.pi))
        expected.append(np.sum(np.exp(log_p) * (log_p - log_q)) * (grid[1] - grid[0]))
    np.testing.assert_allclose(layer.penalty().numpy(), expected, rtol=1e-4)


@pytest.mark.parametrize("units", [(50,), (20, 10)])
def test_layers_and_widths_follow_the_settings(units: tuple[int, ...]) -> None:
    shapes = {n: w.shape for n, w in IAK("region", ("a",), {"ctr": 30}, units).kernel("a").items()}
    widths = (30, *units)
    for index, width in enumerate(units):
        assert shapes[f"ctr_encoder_kernel_{index}"] == (widths[index], width)
        assert shapes[f"ctr_encoder_bias_{index}"] == (width,)
    assert shapes["ctr_decoder_kernel"] == (units[-1], 30)
    assert shapes["ctr_decoder_bias"] == (30,)

"""What domains share is for training; what is kept of each stands alone."""

import numpy as np
import pytest

from tests.adapters.longhand import small_kernels
from tfrec_mt.adapters.hamur import HAMUR

DOMAINS = ("a", "b", "c")
WIDTH = 9


def test_generated_encoders_start_as_those_of_a_bottleneck() -> None:
    layer = HAMUR("region", DOMAINS, {"ctr": 200}, bottleneck_width=50, core_rank=40)
    kernels = [layer.kernel(domain)["ctr_encoder_kernel_0"] for domain in DOMAINS]
    for kernel in kernels:
        # 50 columns of entries that are as alike as 40 numbers are
        assert abs(kernel.mean()) < 0.05 and abs(kernel.std() - 1.0) < 0.1
        assert np.linalg.matrix_rank(kernel, tol=1e-3) == 40
    assert abs(np.corrcoef(kernels[0].ravel(), kernels[1].ravel())[0, 1]) < 0.1


def test_a_kernel_is_generated_and_holds_nothing_shared() -> None:
    layer = small_kernels("hamur", "region", DOMAINS, {"ctr": WIDTH})
    assert set(layer.kernel("b")) == {
        *("ctr_encoder_kernel_0", "ctr_encoder_bias_0", "ctr_decoder_kernel", "ctr_decoder_bias"),
    }
    weights = {weight.name: weight.numpy() for weight in layer.weights}
    down = weights["ctr_shared_down"] @ weights["ctr_core_down"][1] / 2  # the root of rank 4
    up = weights["ctr_core_up"][1] @ weights["ctr_shared_up"] / 2
    np.testing.assert_allclose(layer.kernel("b")["ctr_encoder_kernel_0"], down, atol=1e-6)
    np.testing.assert_allclose(layer.kernel("b")["ctr_decoder_kernel"], up, atol=1e-6)


def test_what_is_shared_changes_generated_kernels_but_none_from_a_file() -> None:
    layer = small_kernels("hamur", "region", DOMAINS, {"ctr": WIDTH})
    layer.set_kernel("b", layer.kernel("b"))
    before = {domain: layer.kernel(domain) for domain in DOMAINS}
    for weight in layer.weights:
        if weight.name in layer.shared:
            weight.assign(weight.numpy() + 1.0)
    moved = {
        domain: any(np.any(w != before[domain][n]) for n, w in layer.kernel(domain).items())
        for domain in DOMAINS
    }
    assert moved == {"a": True, "b": False, "c": True}


def test_widths_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="core_rank >= 1, got 5 and 0"):
        HAMUR("region", DOMAINS, {"ctr": WIDTH}, bottleneck_width=5, core_rank=0)

import numpy as np
import pytest
import tensorflow as tf

from tests.adapters.longhand import small_kernels
from tfrec_mt.adapters.last_layer import LastLayer
from tfrec_mt.adapters.lora import LoRA

DOMAINS = ("a", "b")
ROWS = np.random.default_rng(0).normal(size=(40, 9)).astype(np.float32)


def test_the_update_has_its_rank_and_scale() -> None:
    rows = np.eye(30, dtype=np.float32)
    for rank, alpha, scale in ((2, None, 1.0), (3, 6.0, 2.0)):
        layer = LoRA("region", ("a",), {"ctr": 30}, rank=rank, alpha=alpha)
        weights = layer.kernel("a")
        weights["ctr_up"] = np.random.default_rng(1).normal(size=(rank, 30)).astype(np.float32)
        layer.set_kernel("a", weights)
        update = layer({"ctr": rows}, np.ones(30, np.int32))["ctr"].numpy()
        expected = scale * weights["ctr_down"] / np.sqrt(30) @ weights["ctr_up"]
        np.testing.assert_allclose(update, expected, atol=1e-5)
        assert np.linalg.matrix_rank(update, tol=1e-4) == rank


def test_where_logits_are_linear_it_is_one_vector_per_domain() -> None:
    lora = small_kernels("lora", "region", DOMAINS, {"ctr": 9})
    direction = np.random.default_rng(2).normal(size=9).astype(np.float32)
    last = LastLayer("region", DOMAINS, {"ctr": 9})
    last.align({"ctr": direction})
    for domain in DOMAINS:
        weights, old = last.kernel(domain), lora.kernel(domain)
        update = 5.0 / 3.0 * old["ctr_down"] / np.sqrt(9) @ old["ctr_up"]
        weights["ctr_slope"] = (update @ direction)[:, np.newaxis]
        weights["ctr_constant"] = old["ctr_offset"] @ old["ctr_up"] @ direction[:, np.newaxis]
        last.set_kernel(domain, weights)
    codes, directions = tf.constant(np.arange(40) % 3, tf.int32), {"ctr": direction}
    found, expected = (x.shifts({"ctr": ROWS}, codes, directions)["ctr"] for x in (last, lora))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_settings_that_make_no_update_are_refused() -> None:
    for settings in ({"rank": 0}, {"alpha": 0.0}):
        with pytest.raises(ValueError, match="expected rank >= 1 and alpha > 0"):
            LoRA("region", DOMAINS, {"ctr": 9}, **settings)

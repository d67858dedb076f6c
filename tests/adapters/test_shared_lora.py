"""All domains have one update in common until each is taken out of the layer."""

import numpy as np

from tests.worlds import randomise
from tfrec_mt.adapters.lora import LoRA
from tfrec_mt.adapters.shared_lora import SharedLoRA

DOMAINS = ("a", "b", "c")
ROWS = np.random.default_rng(0).normal(size=(30, 9)).astype(np.float32)
CODES = (np.arange(30) % 4).astype(np.int32)


def shared_kernels(*domains: str) -> SharedLoRA:
    layer = SharedLoRA("region", domains, {"ctr": 9}, rank=3)
    randomise(layer, seed=1)
    return layer


def test_all_domains_have_one_update_and_no_domain_has_none() -> None:
    layer = shared_kernels(*DOMAINS)
    weights = {weight.name: weight.numpy() for weight in layer.trainable_weights}
    update = weights["ctr_down_shared"] / np.sqrt(9) @ weights["ctr_up_shared"]
    expected = ROWS @ update * (CODES > 0)[:, np.newaxis]
    np.testing.assert_allclose(layer({"ctr": ROWS}, CODES)["ctr"], expected, atol=1e-5)


def test_a_kernel_of_it_is_a_lora() -> None:
    layer, plain = shared_kernels(*DOMAINS), LoRA("region", ("b",), {"ctr": 9}, rank=3)
    plain.set_kernel("b", layer.kernel("b"))
    codes = (CODES == 2).astype(np.int32)
    expected = layer({"ctr": ROWS}, CODES)["ctr"].numpy() * codes[:, np.newaxis]
    np.testing.assert_allclose(plain({"ctr": ROWS}, codes)["ctr"], expected, atol=1e-6)


def test_what_is_shared_moves_all_kernels_but_those_from_a_file() -> None:
    layer = shared_kernels(*DOMAINS)
    layer.set_kernel("b", layer.kernel("b"))
    before = {domain: layer.kernel(domain) for domain in DOMAINS}
    for weight in layer.trainable_weights:
        weight.assign(weight.numpy() + 1.0)
    for domain in DOMAINS:
        for name in ("ctr_down", "ctr_up"):
            moved = np.any(layer.kernel(domain)[name] != before[domain][name])
            assert moved == (domain != "b")

"""Additive and self attention against loops."""

import numpy as np

from tfrec_mt.layers.additive_attention import AdditiveAttention
from tfrec_mt.layers.self_attention import SelfAttention

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(3, 4, 5)).astype(np.float32)
MASK = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0]], bool)


def softmax(scores: np.ndarray) -> np.ndarray:
    return np.exp(scores) / np.exp(scores).sum()


def test_additive_attention_is_equation_1() -> None:
    layer = AdditiveAttention(units=6)
    layer.build(VECTORS.shape)
    layer.bias.assign(RNG.normal(size=6))
    kernel, bias, query = (w.numpy() for w in (layer.kernel, layer.bias, layer.query))
    got = layer(VECTORS, MASK).numpy()
    for b in range(2):
        rows = VECTORS[b][MASK[b]]
        weights = softmax((np.tanh(rows @ kernel + bias) @ query)[:, 0])
        np.testing.assert_allclose(got[b], weights @ rows, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(got[2], np.zeros(5))


def test_self_attention_head_by_head() -> None:
    layer = SelfAttention(heads=2, head_width=3)
    layer.build(VECTORS.shape)
    kernel = layer.kernel.numpy()
    got = layer(VECTORS, MASK).numpy()
    assert got.shape == (3, 4, 6)
    for b in range(2):
        rows = VECTORS[b][MASK[b]]
        for head in range(2):
            query, key, value = (rows @ kernel[:, part, head] for part in range(3))
            expected = [softmax(q @ key.T / np.sqrt(3.0)) @ value for q in query]
            np.testing.assert_allclose(
                got[b][MASK[b]][:, 3 * head : 3 * head + 3], expected, rtol=1e-4, atol=1e-6
            )
    assert np.isfinite(got).all()

import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.adapters.longhand import READERS, small_kernels
from tests.adapters.test_domain_groups import COUNT, codes_of
from tfrec_mt.layers.domain_rows import DomainSlices

KINDS = ("one", "none", "some", "all")
ROWS = (0, 1, 7, 300)


def normal(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", ROWS)
def test_each_row_meets_its_own_domains_weights(kind: str, rows: int) -> None:
    codes, values = codes_of(kind, rows), normal(rows, 3)
    kernel, bias = normal(COUNT, 3, 4), normal(COUNT, 4)
    slices = DomainSlices.of(tf.constant(codes), COUNT)
    plain = slices.collect(slices.dense(slices.spread(values), kernel, bias)).numpy()
    assert plain.shape == (rows, 4)
    for row, code in enumerate(codes):
        own = code - 1
        expected = values[row] @ kernel[own] + bias[own] if code else np.zeros(4)
        np.testing.assert_allclose(plain[row], expected, rtol=1e-5, atol=1e-5)


# few domains are sliced, many are laid out in blocks
@pytest.mark.parametrize("count", [COUNT, 40])
@pytest.mark.parametrize("adapter", READERS)
def test_shifts_are_the_residuals_along_a_direction(adapter: str, count: int) -> None:
    domains = tuple(f"d{i}" for i in range(count))
    layer = small_kernels(adapter, "region", domains, {"ctr": 9, "ctcvr": 6})
    directions = {task: normal(width) for task, width in layer.knowledge_widths.items()}
    graph = tf.function(lambda h, c: layer.shifts(h, c, directions), reduce_retracing=True)
    for kind, rows in itertools.product(KINDS, ROWS):
        knowledge = {"ctr": normal(rows, 9), "ctcvr": normal(rows, 6)}
        codes = tf.constant(codes_of(kind, rows))
        residuals = layer(knowledge, codes)
        found = graph({task: tf.constant(values) for task, values in knowledge.items()}, codes)
        for task, direction in directions.items():
            expected = residuals[task].numpy() @ direction[:, np.newaxis]
            np.testing.assert_allclose(found[task], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("adapter", READERS)
def test_shifts_give_kernels_the_gradients_of_residuals(adapter: str) -> None:
    layer = small_kernels(adapter, "region", tuple("abcde"), {"ctr": 9})
    knowledge, direction, upstream = {"ctr": normal(300, 9)}, normal(9), normal(300, 1)
    codes = tf.constant(codes_of("all", 300))
    weights = [weight.value for weight in layer.trainable_variables]
    with tf.GradientTape(persistent=True) as tape:
        shifts = layer.shifts(knowledge, codes, {"ctr": direction})["ctr"]
        along = layer(knowledge, codes)["ctr"] @ direction[:, np.newaxis]
        fast, slow = (tf.reduce_sum(values * upstream) for values in (shifts, along))
    for one, other in zip(tape.gradient(fast, weights), tape.gradient(slow, weights), strict=True):
        np.testing.assert_allclose(
            tf.convert_to_tensor(one), tf.convert_to_tensor(other), rtol=1e-3, atol=1e-3
        )

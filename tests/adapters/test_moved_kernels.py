"""Kernels behind another base add to its logits what they added to those of their own."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.adapters.knowledge_gate import KnowledgeGate
from tfrec_mt.adapters.last_layer import LastLayer
from tfrec_mt.adapters.lora import LoRA
from tfrec_mt.adapters.memory_kernels import MemoryKernels
from tfrec_mt.adapters.moved_kernels import KnowledgeMap, moved_kernels

OLD, NEW = 5, 8
DOMAINS = ("de", "us")
KINDS: list[tuple[type[DomainKernels], dict[str, Any]]] = [
    (IAK, {"encoder_units": (4, 3)}),
    (LoRA, {"rank": 2}),
    (LastLayer, {}),
]


def directions(width: int, seed: int) -> dict[str, np.ndarray]:
    return {"ctr": np.random.default_rng(seed).normal(size=width).astype(np.float32)}


def random_kernels(kind: type[DomainKernels], settings: dict[str, Any]) -> DomainKernels:
    """Kernels of a base of width `OLD` whose weights are all random."""
    keras.utils.set_random_seed(3)
    layer = kind("market", DOMAINS, {"ctr": OLD}, **settings)
    layer.align(directions(OLD, 0))
    rng = np.random.default_rng(1)
    for weight in layer.trainable_variables:
        weight.assign(0.5 * rng.normal(size=weight.shape))
    return layer


def bases(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Knowledge of two bases, of which the first is a linear function of the second."""
    rng = np.random.default_rng(2)
    new = rng.normal(size=(rows, NEW)) * np.geomspace(0.3, 3.0, NEW)
    old = new @ rng.normal(size=(NEW, OLD)) + rng.normal(size=OLD)
    return old.astype(np.float32), new.astype(np.float32)


def shifts(layer: DomainKernels, knowledge: np.ndarray, along: dict[str, np.ndarray]) -> np.ndarray:
    codes = tf.constant(np.arange(len(knowledge)) % 3, tf.int32)
    found = layer.shifts({"ctr": tf.constant(knowledge)}, codes, along)
    return np.asarray(found["ctr"].numpy())


@pytest.mark.parametrize(("kind", "settings"), KINDS)
def test_where_one_base_is_linear_in_the_other_nothing_is_lost(
    kind: type[DomainKernels], settings: dict[str, Any]
) -> None:
    layer = random_kernels(kind, settings)
    old, new = bases(4_000)
    found = KnowledgeMap.fit(new, old)
    assert found.explained > 0.999
    moved = moved_kernels(
        layer, {"ctr": NEW}, {"ctr": found}, directions(OLD, 0), directions(NEW, 9)
    )
    assert moved.knowledge_widths == {"ctr": NEW} and moved.domains == DOMAINS
    before = shifts(layer, old[:60], directions(OLD, 0))
    after = shifts(moved, new[:60], directions(NEW, 9))
    assert np.abs(before).max() > 0.1
    np.testing.assert_allclose(after, before, rtol=0.02, atol=0.01)
    np.testing.assert_array_equal(after[::3], 0.0)


def test_a_residual_lies_along_the_other_bases_direction() -> None:
    layer = random_kernels(IAK, {"encoder_units": (3,)})
    old, new = bases(500)
    maps = {"ctr": KnowledgeMap.fit(new, old)}
    moved = moved_kernels(layer, {"ctr": NEW}, maps, directions(OLD, 0), directions(NEW, 9))
    added = moved({"ctr": tf.constant(new)}, tf.ones(len(new), tf.int32))["ctr"].numpy()
    along = directions(NEW, 9)["ctr"]
    along /= np.linalg.norm(along)
    np.testing.assert_allclose(added, np.outer(added @ along, along), atol=1e-4)


def test_axes_of_slopes_are_read_off_the_new_knowledge() -> None:
    rng = np.random.default_rng(0)
    matrix, constant = rng.normal(size=(6, 4)), rng.normal(size=4)
    old_axes, new = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(50, 6))
    old = new @ matrix + constant
    moved = KnowledgeMap(matrix, constant, 1.0).axes(old_axes)
    assert moved.shape == (7, 3) and moved.dtype == np.float32
    found, expected = new @ moved[:-1] + moved[-1], old @ old_axes[:-1] + old_axes[-1]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_unrelated_knowledge_explains_nothing() -> None:
    rng = np.random.default_rng(0)
    new, old = rng.normal(size=(2_000, NEW)), rng.normal(size=(2_000, OLD))
    found = KnowledgeMap.fit(new.astype(np.float32), old.astype(np.float32))
    assert abs(found.explained) < 0.02


def test_a_coordinate_that_never_varies_is_harmless() -> None:
    old, new = bases(1_000)
    new[:, 0] = 4.0
    found = KnowledgeMap.fit(new, old)
    assert np.isfinite(found.matrix).all()
    assert np.abs(found.matrix[0]).max() == 0.0


def test_kernels_that_multiply_knowledge_cannot_be_moved() -> None:
    layer = random_kernels(KnowledgeGate, {"encoder_units": (3,)})
    old, new = bases(500)
    maps = {"ctr": KnowledgeMap.fit(new, old)}
    with pytest.raises(ValueError, match="kernels of market: KnowledgeGate cannot be moved"):
        moved_kernels(layer, {"ctr": NEW}, maps, directions(OLD, 0), directions(NEW, 9))


def test_a_memory_alone_has_nothing_to_move() -> None:
    old, new = bases(500)
    moved = moved_kernels(
        MemoryKernels("market", DOMAINS, {"ctr": OLD}), {"ctr": NEW},
        {"ctr": KnowledgeMap.fit(new, old)}, directions(OLD, 0), directions(NEW, 9),
    )  # fmt: skip
    assert isinstance(moved, MemoryKernels) and moved.domains == DOMAINS

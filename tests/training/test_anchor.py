"""Kernels that start from those of an earlier day, and the cost of leaving them."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.adapters.lora import LoRA
from tfrec_mt.adapters.memory import Memory, Remembered, memory_keys
from tfrec_mt.adapters.shared_lora import SharedLoRA
from tfrec_mt.errors import SchemaError
from tfrec_mt.training.anchor import Anchor
from tfrec_mt.training.kernel_trial import FACTORS, Tried
from tfrec_mt.training.user_clusters import CLUSTERS

WIDTHS = {"ctr": 6}


class Base(tf.keras.Model):
    tasks = ("ctr",)


def kernels(domains: tuple[str, ...], seed: int) -> IAK:
    layer = IAK("market", domains, WIDTHS, encoder_units=(3,))
    rng = np.random.default_rng(seed)
    for weight in layer.trainable_variables:
        weight.assign(rng.normal(size=weight.shape))
    return layer


def test_domains_start_where_they_were_and_new_ones_as_they_are() -> None:
    before, now = kernels(("de", "us", "fr"), 0), kernels(("us", "it", "fr"), 1)
    before.scale_residuals(np.array([1.0, 1.0, 0.0]))  # France was dropped
    fresh = {domain: now.kernel(domain) for domain in now.domains}
    anchor = Anchor(AdaptedModel(Base(), [now]), [before], 1.0)
    assert anchor.proven["market"].tolist() == [True, False, False]
    for name, values in before.kernel("us").items():
        np.testing.assert_array_equal(now.kernel("us")[name], values)
    for domain in ("it", "fr"):
        for name, values in fresh[domain].items():
            np.testing.assert_array_equal(now.kernel(domain)[name], values)


def test_the_cost_is_the_relative_squared_move_of_proven_domains() -> None:
    before, now = kernels(("de", "us"), 0), kernels(("de", "us", "it"), 1)
    anchor = Anchor(AdaptedModel(Base(), [now]), [before], 0.3)
    np.testing.assert_array_equal(anchor.pull(now), np.zeros(3))
    start = {weight.name: weight.value.numpy() for weight in now.trainable_variables}
    for weight in now.trainable_variables:
        weight.assign(1.5 * weight.value + 0.01)
    expected = np.zeros(3)
    for weight in now.trainable_variables:
        old, new = (
            x.reshape(3, -1).astype(np.float64) for x in (start[weight.name], weight.numpy())
        )
        expected += 0.3 * 0.5 * ((new - old) ** 2).mean(axis=1) / (old**2).mean(axis=1)
    expected[2] = 0.0
    np.testing.assert_allclose(anchor.pull(now), expected, rtol=1e-5)


def test_without_a_weight_nothing_pulls() -> None:
    before, now = kernels(("de",), 0), kernels(("de",), 1)
    anchor = Anchor(AdaptedModel(Base(), [now]), [before], 0.0)
    now.trainable_variables[0].assign(now.trainable_variables[0] + 1.0)
    np.testing.assert_array_equal(anchor.pull(now), [0.0])


@pytest.mark.parametrize("before", [LoRA("market", ("de",), WIDTHS, rank=2)])
def test_another_kind_of_kernels_is_refused(before: LoRA) -> None:
    with pytest.raises(SchemaError, match="kernels of market are LoRA; expected IAK"):
        Anchor(AdaptedModel(Base(), [kernels(("de",), 1)]), [before], 1.0)


def test_kernels_that_share_weights_are_refused() -> None:
    layers = [SharedLoRA("market", ("de",), WIDTHS, rank=2) for _ in range(2)]
    with pytest.raises(SchemaError, match="whose domains share no weights"):
        Anchor(AdaptedModel(Base(), layers[:1]), layers[1:], 1.0)


def test_kernels_of_another_size_are_refused() -> None:
    other = IAK("market", ("de",), WIDTHS, encoder_units=(4,))
    other.trainable_variables[-1].assign(other.trainable_variables[-1] + 1.0)
    with pytest.raises(SchemaError, match="continue kernels with their settings"):
        Anchor(AdaptedModel(Base(), [kernels(("de",), 1)]), [other], 1.0)


def test_memories_follow_their_domains_and_features() -> None:
    before, now = kernels(("de", "us"), 0), kernels(("us", "it"), 1)
    keys = memory_keys(np.array([0, 1, 1, 2]), np.array([0, 4, 7, 5]))
    us = Remembered(keys, np.arange(4, dtype=np.float32)[:, np.newaxis])
    de = Remembered(keys[:1], np.ones((1, 1), np.float32))
    before.memory = Memory(("item", "shop"), (), ("ctr",), [de, us])
    anchor = Anchor(AdaptedModel(Base(), [now]), [before], 1.0)
    memory = anchor.memories({"shop": False, "brand": False}, ("ctr",))["market"]
    assert memory.features == ("shop", "brand")
    found, none = memory.domains
    # the domain itself, and the shop, which is now the first feature; items are no longer kept
    np.testing.assert_array_equal(found.keys, memory_keys(np.array([0, 1]), np.array([0, 5])))
    np.testing.assert_array_equal(found.offsets[:, 0], [0.0, 3.0])
    assert len(none.keys) == 0


def test_slopes_keep_the_axes_of_their_domain() -> None:
    before, now = kernels(("de", "us"), 0), kernels(("us", "it"), 1)
    rng = np.random.default_rng(0)
    keys = memory_keys(1, np.arange(3, dtype=np.int64))
    numbers = rng.normal(size=(2, 3, 2 * 3)).astype(np.float32)
    axes = {task: rng.normal(size=(2, 5, 2)).astype(np.float32) for task in ("ctcvr", "ctr")}
    before.memory = Memory(
        ("user",), (), ("ctcvr", "ctr"), [Remembered(keys, of) for of in numbers], axes
    )
    anchor = Anchor(AdaptedModel(Base(), [now]), [before], 1.0)
    memory = anchor.memories({"user": False}, ("ctr", "ctcvr"))["market"]
    found, none = memory.domains
    np.testing.assert_array_equal(found.offsets[:, :3], numbers[1][:, 3:])
    np.testing.assert_array_equal(found.offsets[:, 3:], numbers[1][:, :3])
    assert none.offsets.shape == (0, 6)
    for task, stacked in axes.items():
        np.testing.assert_array_equal(memory.axes[task][0], stacked[1])
        assert memory.axes[task].shape == stacked.shape


def gains(of: dict[int, list[float]]) -> np.ndarray:
    """Gains of one domain: `FACTORS` in each of some clusters."""
    found = np.zeros((1, CLUSTERS, len(FACTORS)))
    for cluster, values in of.items():
        found[0, cluster] = values
    return found


@pytest.mark.parametrize(
    ("of", "factor", "new"),
    [
        pytest.param({}, 1.0, 0.0, id="no rows"),
        pytest.param(
            {0: [0.1, 0.2, 0.3, 0.4], 1: [-0.1, -0.1, -0.2, -0.3]}, 1.0, 0.0, id="unclear"
        ),
        pytest.param({n: [-0.1, -0.2, -0.3, -0.4] for n in range(20)}, 0.0, 0.0, id="harm"),
        pytest.param({n: [0.3, 0.4, 0.1, -0.4] for n in range(20)}, 0.5, 0.5, id="too much"),
        pytest.param({n: [0.1, 0.2, 0.3, 0.4] for n in range(20)}, 1.0, 1.0, id="gain"),
    ],
)
def test_a_proven_kernel_stays_unless_less_is_certainly_better(
    of: dict[int, list[float]], factor: float, new: float
) -> None:
    tried = Tried.of(gains(of), 2.0, np.array([True]))
    assert tried.factors.tolist() == [factor]
    assert Tried.of(gains(of), 2.0, np.array([False])).factors.tolist() == [new]
    assert Tried.of(gains(of), 2.0).factors.tolist() == [new]

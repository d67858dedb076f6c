from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.longhand import attention, most_equal_signs
from tests.worlds import randomise, weights_by_path
from tfrec_mt.layers.long_sequence import LongSequence

USERS, ITEMS, LENGTH, QUERY, ELEMENT = 4, 3, 30, 6, 8


def example() -> tuple[Any, Any, Any]:
    """Histories of 30, 2, 0 and some elements."""
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(USERS, ITEMS, QUERY)).astype(np.float32)
    history = rng.normal(size=(USERS, LENGTH, ELEMENT)).astype(np.float32)
    mask = np.arange(LENGTH) < np.array([LENGTH, 2, 0, 17])[:, np.newaxis]
    return targets, history, mask


def built(top: int = 5, bits: int = 16, seed: int = 0) -> LongSequence:
    layer = LongSequence(top=top, bits=bits, heads=2, head_width=4, seed=seed, name="long")
    layer.build((None, None, QUERY), (None, None, ELEMENT))
    randomise(layer)
    return layer


@pytest.mark.parametrize("bits", [4, 48], ids=["many ties", "few ties"])
def test_retrieves_the_elements_with_the_most_equal_signs_newest_first(bits: int) -> None:
    layer = built(bits=bits)
    targets, history, mask = example()
    found = layer.retrieve(targets, history, mask).numpy()
    projection = layer.projection.numpy().astype(np.float64)
    for b in range(USERS):
        for n in range(ITEMS):
            expected = most_equal_signs(targets[b, n], history[b], mask[b], projection, 5)
            seen = mask[b][expected]
            np.testing.assert_array_equal(found[b, n][seen], expected[seen])
            # what is left over is padding, in any order
            assert not mask[b][found[b, n][~seen]].any()


def test_equals_attention_over_what_is_retrieved() -> None:
    layer = built()
    targets, history, mask = example()
    found = layer(targets, history, mask).numpy()
    projection = layer.projection.numpy().astype(np.float64)
    weights = weights_by_path(layer, "attention")
    for b in range(USERS):
        for n in range(ITEMS):
            top = most_equal_signs(targets[b, n], history[b], mask[b], projection, 5)
            expected = attention(targets[b, n], history[b][top], mask[b][top], weights)
            np.testing.assert_allclose(found[b, n], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found[2], 0.0)


@pytest.mark.parametrize("length", [0, 1, 5])
def test_a_history_no_longer_than_top_is_attended_to_in_full(length: int) -> None:
    layer = built(top=5)
    targets, history, _ = example()
    mask = np.ones((USERS, length), bool)
    found = layer(targets, history[:, :length], mask).numpy()
    whole = layer.attention(targets, history[:, :length], mask).numpy()
    np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-6)


def test_the_hash_passes_no_gradient() -> None:
    layer = built()
    targets, history, mask = (tf.constant(values) for values in example())
    places = layer.retrieve(targets, history, mask)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([targets, history])
        found = layer(targets, history, mask)
        relevant = tf.gather(history, places, batch_dims=1)
        attended = layer.attention(targets, relevant, tf.gather(mask, places, batch_dims=1))
    assert tape.gradient(found, layer.projection.value) is None
    for inputs in (targets, history):
        np.testing.assert_allclose(
            tf.convert_to_tensor(tape.gradient(found, inputs)),
            tf.convert_to_tensor(tape.gradient(attended, inputs)),
            atol=1e-6,
        )


def test_projections_follow_from_the_seed_and_are_not_trained() -> None:
    np.testing.assert_array_equal(
        built(seed=3).projection.numpy(), built(seed=3).projection.numpy()
    )
    assert np.any(built(seed=3).projection.numpy() != built(seed=4).projection.numpy())
    assert built().projection.path not in {w.path for w in built().trainable_weights}


def test_elements_narrower_than_targets_are_refused() -> None:
    layer = LongSequence()
    with pytest.raises(ValueError, match=r"width 4 .* width 6"):
        layer.build((None, None, 6), (None, None, 4))

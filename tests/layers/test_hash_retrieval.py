from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.longhand import most_equal_signs
from tfrec_mt.layers.hash_retrieval import HashRetrieval

USERS, ITEMS, LENGTH, WIDTH = 4, 3, 30, 6


def example() -> tuple[Any, Any, Any]:
    """Histories of 30, 2, 0 and some elements."""
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(USERS, ITEMS, WIDTH)).astype(np.float32)
    history = rng.normal(size=(USERS, LENGTH, WIDTH)).astype(np.float32)
    mask = np.arange(LENGTH) < np.array([LENGTH, 2, 0, 17])[:, np.newaxis]
    return targets, history, mask


def built(top: int = 5, bits: int = 16, seed: int = 0) -> HashRetrieval:
    layer = HashRetrieval(top, bits, seed, name="retrieval")
    layer.build((None, None, WIDTH), (None, None, WIDTH))
    return layer


@pytest.mark.parametrize("bits", [4, 48], ids=["many ties", "few ties"])
def test_finds_the_elements_with_the_most_equal_signs_newest_first(bits: int) -> None:
    layer = built(bits=bits)
    targets, history, mask = example()
    found = layer(targets, history, mask).numpy()
    projection = layer.projection.numpy().astype(np.float64)
    for b in range(USERS):
        for n in range(ITEMS):
            expected = most_equal_signs(targets[b, n], history[b], mask[b], projection, 5)
            seen = mask[b][expected]
            np.testing.assert_array_equal(found[b, n][seen], expected[seen])
            # what is left over is padding, in any order
            assert not mask[b][found[b, n][~seen]].any()


@pytest.mark.parametrize("length", [0, 1, 5])
def test_all_of_a_history_no_longer_than_top_is_found(length: int) -> None:
    targets, history, _ = example()
    found = built(top=5)(targets, history[:, :length], np.ones((USERS, length), bool))
    np.testing.assert_array_equal(
        np.sort(found.numpy()), np.broadcast_to(np.arange(length), (USERS, ITEMS, length))
    )


def test_no_gradient_passes() -> None:
    layer = built()
    targets, history, mask = (tf.constant(values) for values in example())
    with tf.GradientTape() as tape:
        tape.watch([targets, history])
        found = tf.gather(tf.stop_gradient(history), layer(targets, history, mask), batch_dims=1)
    assert tape.gradient(found, [targets, history, layer.projection.value]) == [None] * 3


def test_projections_follow_from_the_seed_and_are_not_trained() -> None:
    np.testing.assert_array_equal(
        built(seed=3).projection.numpy(), built(seed=3).projection.numpy()
    )
    assert np.any(built(seed=3).projection.numpy() != built(seed=4).projection.numpy())
    assert not built().trainable_weights


def test_elements_of_another_width_than_targets_are_refused() -> None:
    with pytest.raises(ValueError, match=r"width 4 .* width 6"):
        HashRetrieval().build((None, None, 6), (None, None, 4))

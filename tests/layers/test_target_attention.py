from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.longhand import attention
from tests.worlds import randomise, weights_by_path
from tfrec_mt.layers.target_attention import TargetAttention

USERS, ITEMS, LENGTH, QUERY, ELEMENT = 5, 3, 7, 6, 8


def example(own: bool = False) -> tuple[Any, Any, Any]:
    """Targets, histories (each target's own if asked) and masks; the first history is empty."""
    rng = np.random.default_rng(0)
    rows = (USERS, ITEMS) if own else (USERS,)
    targets = rng.normal(size=(USERS, ITEMS, QUERY)).astype(np.float32)
    history = rng.normal(size=(*rows, LENGTH, ELEMENT)).astype(np.float32)
    mask = rng.random((*rows, LENGTH)) < 0.6
    mask[0] = False
    return targets, history, mask


def built() -> TargetAttention:
    layer = TargetAttention(heads=3, head_width=4, name="attention")
    layer.build((None, None, QUERY), (None, None, ELEMENT))
    randomise(layer)
    return layer


def longhand(layer: TargetAttention, targets: Any, history: Any, mask: Any) -> Any:
    weights = weights_by_path(layer, "attention")
    own = history.ndim == 4
    return np.array(
        [
            [
                attention(
                    targets[b, n],
                    history[b, n] if own else history[b],
                    mask[b, n] if own else mask[b],
                    weights,
                )
                for n in range(targets.shape[1])
            ]
            for b in range(targets.shape[0])
        ]
    )


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
def test_equals_textbook_attention(own: bool) -> None:
    layer = built()
    targets, history, mask = example(own)
    found = layer(targets, history, mask).numpy()
    assert found.shape == (USERS, ITEMS, 12)
    np.testing.assert_allclose(found, longhand(layer, targets, history, mask), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
def test_padding_is_never_seen(own: bool) -> None:
    layer = built()
    targets, history, mask = example(own)
    filled = np.where(mask[..., np.newaxis], history, 100.0).astype(np.float32)
    np.testing.assert_array_equal(
        layer(targets, history, mask).numpy(), layer(targets, filled, mask).numpy()
    )


def test_an_empty_history_gives_zeros_and_finite_gradients() -> None:
    layer = built()
    targets, history, mask = (tf.constant(values) for values in example())
    with tf.GradientTape() as tape:
        tape.watch(history)
        found = layer(targets, history, mask)
    np.testing.assert_array_equal(found.numpy()[0], 0.0)
    gradient = tape.gradient(found, history).numpy()
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[0], 0.0)


@pytest.mark.parametrize(("users", "length"), [(0, 4), (2, 0)], ids=["no rows", "no history"])
def test_empty_axes(users: int, length: int) -> None:
    found = built()(
        np.ones((users, 2, QUERY), np.float32),
        np.ones((users, length, ELEMENT), np.float32),
        np.ones((users, length), bool),
    ).numpy()
    np.testing.assert_array_equal(found, np.zeros((users, 2, 12)))


def test_very_large_scores_stay_finite() -> None:
    layer = built()
    targets, history, mask = example()
    assert np.isfinite(layer(targets * 1e3, history * 1e3, mask).numpy()).all()

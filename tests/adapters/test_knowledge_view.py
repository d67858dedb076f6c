"""Knowledge along its principal axes, and layers folded to do without."""

import keras
import numpy as np

from tfrec_mt.adapters.knowledge_view import KnowledgeView

WIDTH = 6


def _knowledge(rows: int = 4000) -> np.ndarray:
    """Parts of scales from .01 to 10 that are correlated, and one that never varies."""
    rng = np.random.default_rng(0)
    free = rng.normal(size=(rows, WIDTH - 1)) * np.geomspace(0.01, 10.0, WIDTH - 1)
    mixed = free @ np.linalg.qr(rng.normal(size=(WIDTH - 1, WIDTH - 1)))[0]
    return np.concatenate([mixed + 3.0, np.full((rows, 1), 7.0)], axis=1).astype(np.float32)


def _fitted(knowledge: np.ndarray) -> KnowledgeView:
    view = KnowledgeView({"ctr": WIDTH})
    view.fit("ctr", knowledge)
    return view


def test_axes_are_uncorrelated_and_narrowed_to_the_geometric_mean() -> None:
    knowledge = _knowledge()
    seen = _fitted(knowledge)({"ctr": knowledge})["ctr"].numpy().astype(np.float64)

    found = np.cov(seen, rowvar=False, ddof=0)
    deviations = np.sqrt(np.linalg.eigvalsh(np.cov(knowledge, rowvar=False, ddof=0)))
    common = np.sqrt((deviations**2).mean())
    spread = np.sqrt(np.diag(found))
    np.testing.assert_allclose(found, np.diag(np.diag(found)), atol=1e-3)
    np.testing.assert_allclose(seen.mean(axis=0), 0.0, atol=1e-3)
    # axes of a hundredth of the common deviation and less are narrowed no further than that
    large = deviations > 0.1 * common
    np.testing.assert_allclose(spread[large], np.sqrt(deviations / common)[large], rtol=0.02)
    assert spread[0] == 0  # no variation, nothing to see


def test_of_more_axes_than_are_seen_the_largest_are() -> None:
    knowledge = _knowledge()
    narrow = KnowledgeView({"ctr": WIDTH}, most_axes=2)
    narrow.fit("ctr", knowledge)
    assert narrow.seen_widths == {"ctr": 2}
    whole = _fitted(knowledge)({"ctr": knowledge})["ctr"].numpy()
    np.testing.assert_array_equal(narrow({"ctr": knowledge})["ctr"], whole[:, -2:])
    deviations = whole.std(axis=0)
    assert deviations[-2:].min() > deviations[:-2].max()


def test_until_it_is_fitted_knowledge_is_seen_as_it_is() -> None:
    knowledge = _knowledge(20)
    np.testing.assert_allclose(KnowledgeView({"ctr": WIDTH})({"ctr": knowledge})["ctr"], knowledge)


def test_a_folded_layer_equals_the_one_behind_the_view() -> None:
    knowledge, rng = _knowledge(100), np.random.default_rng(1)
    view, factor = _fitted(_knowledge()), 0.3
    kernel, bias = rng.normal(size=(WIDTH, 4)).astype(np.float32), rng.normal(size=4)
    plain, shifted = view.fold("ctr", kernel, bias.astype(np.float32), factor)

    expected = factor * view({"ctr": knowledge})["ctr"].numpy() @ kernel + bias
    found = factor * knowledge.astype(np.float64) @ plain + shifted
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_it_survives_its_config() -> None:
    view = KnowledgeView({"ctr": WIDTH}, most_axes=4)
    view.fit("ctr", _knowledge())
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(view))
    again.set_weights(view.get_weights())
    knowledge = _knowledge(20)
    np.testing.assert_array_equal(again({"ctr": knowledge})["ctr"], view({"ctr": knowledge})["ctr"])


def test_a_layer_that_is_unfolded_and_folded_again_is_the_same_on_what_is_seen() -> None:
    knowledge, rng = _knowledge(100), np.random.default_rng(1)
    view, factor = _fitted(_knowledge()), 0.3
    kernel, bias = rng.normal(size=(WIDTH, 4)).astype(np.float32), rng.normal(size=4)
    seen = view({"ctr": knowledge})["ctr"].numpy().astype(np.float64)
    on_view, its_bias = view.unfold("ctr", kernel, bias, factor)
    expected = factor * knowledge.astype(np.float64) @ kernel + bias
    np.testing.assert_allclose(factor * seen @ on_view + its_bias, expected, rtol=1e-3, atol=1e-3)
    again = view.fold("ctr", on_view, its_bias, factor)
    np.testing.assert_allclose(factor * knowledge @ again[0] + again[1], expected, atol=5e-3)

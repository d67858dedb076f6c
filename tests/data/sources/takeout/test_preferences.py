"""Coefficients by joint domain: sizes, centring, and what shift does to them."""

import numpy as np
import pytest

from tfrec_mt.data.sources.takeout.catalogue import CUISINE_SHARES
from tfrec_mt.data.sources.takeout.domains import SHARES, joint_code
from tfrec_mt.data.sources.takeout.preferences import BLOCKS, CLICK, ORDER, draw_preferences

_WEIGHT = np.einsum("s,p,g->spg", *SHARES.values()).ravel()


def test_without_shift_all_domains_are_alike() -> None:
    for preferences in draw_preferences(3, 0.0, 4, 0.1)[1]:
        for table in (
            preferences.cuisine,
            preferences.price,
            preferences.speciality,
            preferences.taste,
            preferences.price_taste,
        ):
            np.testing.assert_array_equal(table, np.broadcast_to(table[0, 0], table.shape))
        np.testing.assert_array_equal(preferences.cuisine, 0.0)
        assert preferences.visitor == 0.0


def test_shift_scales_the_domain_terms() -> None:
    zero, one, two = (draw_preferences(3, shift, 2, 0.1)[1][0] for shift in (0.0, 1.0, 2.0))

    np.testing.assert_allclose(two.taste - zero.taste, 2 * (one.taste - zero.taste))
    np.testing.assert_allclose(two.cuisine, 2 * one.cuisine)
    assert two.visitor == 2 * one.visitor == 2 * CLICK.visitor


@pytest.mark.parametrize("seed", [0, 1])
def test_domain_terms_are_no_intercept_and_no_common_preference(seed: int) -> None:
    for strength, made in zip((CLICK, ORDER), draw_preferences(seed, 1.0, 3, 0.1)[1], strict=True):
        np.testing.assert_allclose(made.cuisine @ CUISINE_SHARES, 0.0, atol=1e-9)
        np.testing.assert_allclose(np.einsum("j,djc->dc", _WEIGHT, made.cuisine), 0.0, atol=1e-9)
        assert made.price @ _WEIGHT == pytest.approx(0.0, abs=1e-9)
        assert made.speciality @ _WEIGHT == pytest.approx(strength.speciality)
        assert made.price_taste @ _WEIGHT == pytest.approx(strength.price_taste)


def test_domain_terms_have_the_stated_variance() -> None:
    click, order = draw_preferences(5, 1.0, 3, 0.1)[1]
    base = draw_preferences(5, 0.0, 3, 0.1)[1]
    for strength, made, without in zip((CLICK, ORDER), (click, order), base, strict=True):
        # Over independent cuisines, standard normal prices and tastes, and specialities.
        variance = (
            np.square(made.cuisine) @ CUISINE_SHARES
            + np.square(made.price)
            + 0.05 * np.square(made.speciality - without.speciality)
            + np.square(made.price_taste - without.price_taste)
            + np.square(made.taste - without.taste).sum(-1) @ CUISINE_SHARES
        )
        stated = sum(s**2 for s in strength.domains.values())
        np.testing.assert_allclose(variance @ _WEIGHT, stated)  # [days]


def test_days_drift_apart_by_as_much_as_stated() -> None:
    still = draw_preferences(0, 1.0, 3, 0.0)[1][0].cuisine
    np.testing.assert_array_equal(still[1:], still[:1].repeat(2, axis=0))
    first = draw_preferences(0, 1.0, 1, 0.1)[1][0].cuisine
    np.testing.assert_array_equal(still[:1], first)

    likeness = np.zeros((30, 2))
    for seed in range(30):
        days = draw_preferences(seed, 1.0, 3, 0.2)[1][0].cuisine.reshape(3, -1)
        likeness[seed] = [np.corrcoef(days[0], days[day])[0, 1] for day in (1, 2)]
    near, far = likeness.mean(axis=0)
    assert near == pytest.approx(0.8, abs=0.06)
    assert far == pytest.approx(0.64, abs=0.08)


def test_a_longer_world_begins_like_a_shorter_one() -> None:
    short, long = (draw_preferences(1, 1.0, days, 0.1)[1][1].taste for days in (2, 4))
    np.testing.assert_array_equal(short, long[:2])


def test_parts_of_the_variance_add_up() -> None:
    assert set(BLOCKS) == set(CLICK.domains) == set(ORDER.domains)
    for parts in BLOCKS.values():
        assert sum(parts) == pytest.approx(1.0)


def test_signature_cuisines_differ_and_are_liked_at_home() -> None:
    bonus = []
    for seed in range(10):
        signatures, (click, _) = draw_preferences(seed, 1.0, 1, 0.0)
        assert len(set(signatures.tolist())) == 6
        scene, period = np.meshgrid(np.arange(2), np.arange(3), indexing="ij")
        for region, cuisine in enumerate(signatures):
            joint = joint_code(scene.ravel(), period.ravel(), np.full(6, region))
            bonus.append(click.cuisine[0, joint, cuisine].mean())
    assert np.mean(bonus) > 0.1

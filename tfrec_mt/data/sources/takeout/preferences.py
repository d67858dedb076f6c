"""The coefficients of the click and the order logit, how domains move them, and how they drift."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.catalogue import CUISINE_SHARES, CUISINES
from tfrec_mt.data.sources.takeout.contrasts import contrasts
from tfrec_mt.data.sources.takeout.domains import JOINT_DOMAINS, REGION, SHARES, TOPICS
from tfrec_mt.data.sources.takeout.users import TASTE_FACTORS

Array = NDArray[np.float64]
Combination = tuple[str, ...]

_STREAM, _DRIFT_STREAM = 0, 4
_ORDER_LIKE_CLICK = 0.6
_SIGNATURE_BONUS = 1.5
_C, _K = len(CUISINES), TASTE_FACTORS


@dataclass(frozen=True)
class Strength:
    """Sizes of the terms of one logit.

    Args:
      user, item, taste, price_taste: Standard deviations of the user bias, of the item appeal,
        and of the matches of cuisine and price.
      speciality: Log-odds that a speciality adds for every user.
      visitor: Log-odds that it adds on top if the user is on a trip; scaled by the shift.
      domains: Root mean square over the log of the domain term of each topic, and of each
        combination of topics.
    """

    user: float
    item: float
    taste: float
    price_taste: float
    speciality: float
    visitor: float
    domains: Mapping[Combination, float]


CLICK: Final = Strength(
    user=0.4,
    item=0.4,
    taste=0.25,
    price_taste=0.2,
    speciality=0.6,
    visitor=0.5,
    domains={("scene",): 0.6, ("period",): 0.72, ("region",): 0.7, ("period", "region"): 0.1},
)
ORDER: Final = Strength(
    user=0.3,
    item=0.4,
    taste=0.2,
    price_taste=0.2,
    speciality=0.3,
    visitor=0.3,
    domains={("scene",): 0.4, ("period",): 0.45, ("region",): 0.45, ("period", "region"): 0.1},
)

# Shares of a domain term's variance: appeal of cuisines, of price, of specialities (the
# population part), and of the user's price and cuisine tastes (the personal part).
BLOCKS: Final[dict[Combination, tuple[float, float, float, float, float]]] = {
    ("scene",): (0.58, 0.27, 0.05, 0.03, 0.07),
    ("period",): (0.58, 0.27, 0.05, 0.03, 0.07),
    ("region",): (0.60, 0.30, 0.10, 0.0, 0.0),
    ("period", "region"): (0.80, 0.15, 0.05, 0.0, 0.0),
}
# Variance of the speciality indicator, given how often the catalogue has one.
_SPECIALITY_VARIANCE = 0.05


@dataclass(frozen=True)
class Preferences:
    """One logit's coefficients by day and joint domain (scene x period x region, 36 of them).

    Args:
      strength: Sizes of the terms that no domain changes.
      cuisine: [days, 36, C] appeal of each cuisine.
      price, speciality: [days, 36] appeal of a price one deviation higher, and of a speciality.
      taste: [days, 36, C, K] loadings of each cuisine on a user's tastes.
      price_taste: [days, 36] weight of a user's price taste.
      visitor: Further appeal of a speciality to visitors.
    """

    strength: Strength
    cuisine: Array
    price: Array
    speciality: Array
    taste: Array
    price_taste: Array
    visitor: float


def draw_preferences(
    seed: int, shift: float, days: int, drift: float
) -> tuple[NDArray[np.int64], tuple[Preferences, Preferences]]:
    """Draws each region's signature cuisine, [6], and the coefficients of click and order.

    `drift` is the share of a domain's draws that a day replaces; the first days of a longer world
    are those of a shorter one.
    """
    rng = np.random.default_rng([seed, _STREAM])
    signatures = rng.permutation(_C)[: len(REGION.domains)]
    first = [{which: _draw(rng, which) for which in BLOCKS} for _ in range(2)]
    loadings = contrasts(rng.standard_normal((_C, _K)), [CUISINE_SHARES])
    draws = [first]
    for day in range(1, days):
        rng = np.random.default_rng([seed, _DRIFT_STREAM, day])
        draws.append([_drifted(rng, of_task, drift) for of_task in draws[-1]])
    own = math.sqrt(1 - _ORDER_LIKE_CLICK**2)
    terms: tuple[list[Array], list[Array]] = ([], [])
    for click_draws, order_draws in draws:
        click = {which: _raw_terms(draw, which, signatures) for which, draw in click_draws.items()}
        order = {
            which: _ORDER_LIKE_CLICK * click[which] + own * _raw_terms(draw, which, signatures)
            for which, draw in order_draws.items()
        }
        terms[0].append(_joint(CLICK, click))
        terms[1].append(_joint(ORDER, order))
    return signatures, (
        _preferences(CLICK, shift, np.stack(terms[0]), loadings),
        _preferences(ORDER, shift, np.stack(terms[1]), loadings),
    )


def _draw(rng: np.random.Generator, which: Combination) -> Array:
    """[N1, .., C + 3 + C * K] standard normal numbers."""
    shape = tuple(len(SHARES[name]) for name in which)
    parts = (_C, 3, _C * _K)
    return np.concatenate([rng.standard_normal((*shape, size)) for size in parts], axis=-1)


def _drifted(
    rng: np.random.Generator, draws: Mapping[Combination, Array], drift: float
) -> dict[Combination, Array]:
    """The next day's numbers: as variable as these, and correlated with them by 1 - drift."""
    fresh = math.sqrt(1 - (1 - drift) ** 2)
    return {which: (1 - drift) * old + fresh * _draw(rng, which) for which, old in draws.items()}


def _raw_terms(draw: Array, which: Combination, signatures: NDArray[np.int64]) -> Array:
    """[N1, .., C + 3 + C * K] coefficients, each in units of its part of the deviation."""
    cuisine, scalars, taste = np.split(draw, [_C, _C + 3], axis=-1)
    if which == (REGION.name,):
        cuisine = cuisine.copy()
        cuisine[np.arange(len(signatures)), signatures] += _SIGNATURE_BONUS
    cuisine = cuisine - (cuisine @ CUISINE_SHARES)[..., None]
    taste = taste.reshape(*taste.shape[:-1], _C, _K)
    taste = taste - np.einsum("c,...ck->...k", CUISINE_SHARES, taste)[..., None, :]
    in_share, by_share = np.sqrt(CUISINE_SHARES), np.sqrt(np.array(BLOCKS[which]))
    return np.concatenate(
        [
            by_share[0] * in_share * cuisine,
            by_share[1] * scalars[..., :1],
            by_share[2] * scalars[..., 1:2],
            by_share[3] * scalars[..., 2:],
            by_share[4] * (in_share[:, None] * taste).reshape(*draw.shape[:-1], -1) / math.sqrt(_K),
        ],
        axis=-1,
    )


def _joint(strength: Strength, raw: Mapping[Combination, Array]) -> Array:
    """[36, C + 3 + C * K]: adds up the topics' terms for every joint domain."""
    shape = tuple(len(t.domains) for t in TOPICS)
    codes = dict(zip(SHARES, np.unravel_index(np.arange(JOINT_DOMAINS), shape), strict=True))
    terms = np.zeros((JOINT_DOMAINS, _C + 3 + _C * _K))
    for which, size in strength.domains.items():
        unit = contrasts(raw[which], [SHARES[name] for name in which])
        terms += size * unit[tuple(codes[name] for name in which)]
    return terms


def _preferences(strength: Strength, shift: float, terms: Array, loadings: Array) -> Preferences:
    """Coefficients from the domain terms [days, 36, C + 3 + C * K] and those no domain changes."""
    cuisine, price, speciality, price_taste, taste = np.split(
        shift * terms, [_C, _C + 1, _C + 2, _C + 3], axis=-1
    )
    in_share = np.sqrt(CUISINE_SHARES)
    moved = taste.reshape(*taste.shape[:-1], _C, _K) / in_share[:, None]
    return Preferences(
        strength=strength,
        cuisine=cuisine / in_share,
        price=price[..., 0],
        speciality=strength.speciality + speciality[..., 0] / math.sqrt(_SPECIALITY_VARIANCE),
        taste=strength.taste * loadings + moved,
        price_taste=strength.price_taste + price_taste[..., 0],
        visitor=shift * strength.visitor,
    )

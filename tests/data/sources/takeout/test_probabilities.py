"""Logits and probabilities against the formulas of docs/takeout.md, one row at a time."""

import math

import numpy as np
import pytest

from tfrec_mt.data.sources.takeout.catalogue import Catalogue
from tfrec_mt.data.sources.takeout.config import TakeoutConfig
from tfrec_mt.data.sources.takeout.preferences import draw_preferences
from tfrec_mt.data.sources.takeout.probabilities import (
    linear_predictor,
    mean_over_positions,
    position_effect,
)
from tfrec_mt.data.sources.takeout.sampling import Context
from tfrec_mt.data.sources.takeout.users import Users


@pytest.mark.parametrize(("task", "sizes"), [(0, (0.4, 0.4, 0.5)), (1, (0.3, 0.4, 0.3))])
def test_logit_is_the_documented_sum(task: int, sizes: tuple[float, float, float]) -> None:
    config = TakeoutConfig(rows=50_000, shift=1.3)
    signatures, preferences = draw_preferences(7, config.shift, 3, 0.2)
    catalogue = Catalogue.create(config, signatures)
    rng = np.random.default_rng(0)
    users = Users.of_shard(config, 0).take(rng.integers(0, 300, 30))
    context = Context(
        day=rng.integers(0, 3, 30),
        scene=rng.integers(0, 2, 30),
        period=rng.integers(0, 3, 30),
        region=rng.integers(0, 6, 30),
        visitor=rng.random(30) < 0.5,
    )
    item = rng.integers(0, catalogue.size, (30, 4))

    got = linear_predictor(preferences[task], task, catalogue, users, context, item)

    made = preferences[task]
    region_rows = [718, 284, 343, 142, 146, 129]
    mean_visitor = 0.15 * (1 - sum((n / sum(region_rows)) ** 2 for n in region_rows))
    specialities = sum(map(bool, catalogue.speciality)) / catalogue.size
    for r in range(30):
        day = context.day[r]
        code = context.scene[r] * 18 + context.period[r] * 6 + context.region[r]
        for s in range(4):
            i = item[r, s]
            c = catalogue.cuisine[i]
            loved = sum(users.taste[r, k] * made.taste[day, code, c, k] for k in range(4))
            price = made.price[day, code] + users.price_taste[r] * made.price_taste[day, code]
            trip = 1.3 * sizes[2] * (float(context.visitor[r]) - mean_visitor)
            special = (made.speciality[day, code] + trip) * (catalogue.speciality[i] - specialities)
            expected = (
                sizes[0] * users.bias[r, task]
                + sizes[1] * catalogue.appeal[task, i]
                + made.cuisine[day, code, c]
                + loved
                + price * catalogue.price_score[i]
                + special
            )
            assert got[r, s] == pytest.approx(expected, abs=1e-9)


def test_position_effect_falls_with_the_logarithm() -> None:
    np.testing.assert_allclose(
        position_effect(4), [0.0, -0.5 * math.log(2), -0.5 * math.log(3), -0.5 * math.log(4)]
    )


def test_mean_over_positions_equals_a_plain_loop() -> None:
    logits, effect = np.array([[-3.0, 0.5], [2.0, -8.0]]), position_effect(5)
    expected = [
        [sum(1 / (1 + math.exp(-(z + b))) for b in effect) / 5 for z in row] for row in logits
    ]
    np.testing.assert_allclose(mean_over_positions(logits, effect), expected)

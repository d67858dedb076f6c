"""What lists earn, and A/B tests of users who answer by chance."""

import math

import numpy as np
import pytest

from studies.ab_test.answers import Answers
from studies.ab_test.list_gains import ListGains, lift, per_thousand
from studies.ab_test.sampled_test import sampled_lift, treated, users_needed
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap


def test_gains_of_a_list() -> None:
    answers = Answers(np.array([[0.5, 0.2], [1.0, 0.0]]), np.array([[0.4, 0.1], [1.0, 0.0]]))
    gains = ListGains.of(answers, np.array([[10.0, 20.0], [5.0, 7.0]]))
    np.testing.assert_allclose(gains.clicks, [0.7, 1.0])
    np.testing.assert_allclose(gains.orders, [0.5, 1.0])
    np.testing.assert_allclose(gains.visits_with_order, [1 - 0.6 * 0.9, 1.0])
    np.testing.assert_allclose(gains.value, [6.0, 5.0])


def test_gains_per_thousand_requests_and_their_lift() -> None:
    bootstrap = ClusterBootstrap(groups=3, replicates=5)
    groups = np.array([0, 1, 2, 1])
    old = per_thousand(bootstrap, groups, np.array([1.0, 0.0, 1.0, 0.0]))
    new = per_thousand(bootstrap, groups, np.array([1.0, 1.0, 1.0, 0.0]))
    assert old.value == 500
    assert lift(new, old).value == pytest.approx(50)
    kept = per_thousand(bootstrap, groups, np.array([1.0, 1.0, 1.0, 0.0]), groups == 1)
    assert kept.value == 500
    for weights, found in zip(bootstrap.weights, new.replicates, strict=True):
        drawn = weights[groups]
        assert found == pytest.approx(1000 * (drawn @ [1, 1, 1, 0]) / drawn.sum())


def test_identical_gains_have_no_lift_at_all() -> None:
    bootstrap = ClusterBootstrap(groups=5, replicates=20)
    gain = np.random.default_rng(0).random(50)
    estimate = per_thousand(bootstrap, np.arange(50) % 5, gain)
    same = lift(estimate, estimate)
    assert same.value == 0
    assert not same.replicates.any()


def test_nothing_to_compare_gives_no_number() -> None:
    bootstrap = ClusterBootstrap(groups=5, replicates=20)
    groups = np.arange(5)
    none = per_thousand(bootstrap, groups, np.ones(5), np.zeros(5, bool))
    assert math.isnan(none.value)
    zero = per_thousand(bootstrap, groups, np.zeros(5))
    assert math.isnan(lift(per_thousand(bootstrap, groups, np.ones(5)), zero).value)


def test_a_user_is_in_one_half_and_halves_are_halves() -> None:
    users = np.repeat(np.arange(4000), 3)
    half = treated(users, seed=1)
    assert (half.reshape(-1, 3) == half[::3, None]).all()
    assert abs(half.mean() - 0.5) < 4 * 0.5 / math.sqrt(4000)
    assert (half != treated(users, seed=2)).any()


def test_a_sampled_test_compares_the_two_halves() -> None:
    users = np.repeat(np.arange(3000), 2)
    rng = np.random.default_rng(0)
    treatment, control = (rng.random((2, 6000)) < [[0.3], [0.2]]).astype(float)
    new = treated(users, seed=4)
    found = sampled_lift(ClusterBootstrap(), users, treatment, control, seed=4)
    expected = 100 * (treatment[new].mean() / control[~new].mean() - 1)
    assert found.value == pytest.approx(expected)
    # the delta method's deviation of a ratio of two means
    a, b = treatment[new], control[~new]
    relative = a.var() / (a.size * a.mean() ** 2) + b.var() / (b.size * b.mean() ** 2)
    deviation = 100 * a.mean() / b.mean() * math.sqrt(relative)
    assert found.replicates.std() == pytest.approx(deviation, rel=0.25)


def test_users_needed_is_the_textbooks_number_for_one_request_each() -> None:
    control, treatment = np.zeros(1000), np.zeros(1000)
    control[:200], treatment[:300] = 1, 1
    found = users_needed(np.arange(1000), treatment, control, 0.1)
    assert found == pytest.approx((1.959964 + 0.841621) ** 2 * (0.16 + 0.21) / 0.01)


def test_users_of_many_requests_are_needed_less_often() -> None:
    rng = np.random.default_rng(0)
    control, treatment = (rng.random((2, 12_000)) < [[0.2], [0.3]]).astype(float)
    single = users_needed(np.arange(12_000), treatment, control, 0.1)
    four = users_needed(np.arange(12_000) // 4, treatment, control, 0.1)
    assert four == pytest.approx(single / 4, rel=0.1)

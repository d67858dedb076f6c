import dataclasses

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.numeric import NumericLearner, encode_numeric
from tfrec_mt.schema import NumericFeature

BUCKETED = NumericFeature(name="x", side="item", buckets=4)
PASSED = NumericFeature(name="x", side="item", buckets=None)


def learned(feature: NumericFeature, values: npt.NDArray[np.float32]) -> NumericFeature:
    learner = NumericLearner(feature)
    for piece in np.array_split(values, 5):
        learner.add(piece, np.ones(len(piece), dtype=bool))
    return learner.learned()


def test_moments_are_those_of_the_present_values() -> None:
    values = np.random.default_rng(0).normal(1e4, 0.5, 1_000).astype(np.float32)
    values[::7] = np.nan
    feature = learned(PASSED, values)
    present = values[~np.isnan(values)].astype(np.float64)
    np.testing.assert_allclose([feature.mean, feature.std], [present.mean(), present.std()], 1e-9)


def test_a_constant_or_absent_number_has_a_usable_scale() -> None:
    assert learned(PASSED, np.full(9, 2, np.float32)).std == 1.0
    assert learned(PASSED, np.full(9, np.nan, np.float32)).mean == 0.0
    assert learned(BUCKETED, np.full(9, np.nan, np.float32)).boundaries == ()
    assert learned(BUCKETED, np.full(9, 2, np.float32)).boundaries == ()


def test_boundaries_split_the_sample_evenly() -> None:
    values = np.random.default_rng(1).lognormal(size=4_000).astype(np.float32)
    feature = learned(BUCKETED, values)
    counts = np.bincount(encode_numeric(feature, values).astype(int))
    assert counts[0] == 0
    assert np.abs(counts[1:] - 1_000).max() <= 1


def test_only_sampled_values_move_the_boundaries() -> None:
    learner = NumericLearner(BUCKETED)
    learner.add(np.array([0, 1, 2, 3, 4, 1e6], np.float32), np.array([True] * 5 + [False]))
    assert learner.learned().boundaries == (1.0, 2.0, 3.0)


def test_codes_count_the_boundaries_at_or_below_the_value() -> None:
    feature = dataclasses.replace(BUCKETED, boundaries=(0.5, 2.0, float(np.float32(2.1))))
    values = [-3.0, 0.5, 1.9, 2.0, 2.1, 9.0, float("nan")]
    expected = [
        0 if np.isnan(v) else 1 + sum(np.float32(b) <= np.float32(v) for b in feature.boundaries)
        for v in values
    ]
    codes = encode_numeric(feature, np.array(values, np.float32))
    assert codes.dtype == np.int32
    assert codes.tolist() == expected == [1, 2, 2, 3, 4, 4, 0]


def test_a_passed_number_is_standardised_and_missing_is_the_mean() -> None:
    feature = dataclasses.replace(PASSED, mean=2.0, std=4.0)
    scaled = encode_numeric(feature, np.array([2, 10, np.nan], np.float32))
    assert scaled.dtype == np.float32
    assert scaled.tolist() == [0.0, 2.0, 0.0]

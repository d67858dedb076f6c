import math

import numpy as np
import pytest

from studies.information.channel_information import channel_information, covariance_information
from studies.information.mutual_information import ksg_information
from tfrec_mt.schema import DataError


def _code(columns: int, correlation: float, rows: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(columns)
    covariance = np.full((columns, columns), correlation) + (1 - correlation) * np.eye(columns)
    return rng.normal(size=(rows, columns)) @ np.linalg.cholesky(covariance).T, covariance


@pytest.mark.parametrize("columns", [1, 2, 5, 20])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_finds_what_a_gaussian_code_tells(columns: int, correlation: float, noise: float) -> None:
    code, covariance = _code(columns, correlation)
    # I(x; x + e) of jointly Gaussian variables from the determinants of all three
    heard = covariance + noise**2 * np.eye(columns)
    joint = np.block([[covariance, covariance], [covariance, heard]])
    parts = [np.linalg.slogdet(m)[1] for m in (covariance, heard, joint)]
    true = 0.5 * (parts[0] + parts[1] - parts[2])
    assert channel_information(code, noise) == pytest.approx(true, rel=0.01, abs=0.01)


def test_neighbours_find_the_same() -> None:
    code, _ = _code(2, 0.5, rows=4000)
    heard = code + 0.5 * np.random.default_rng(9).normal(size=code.shape)
    assert ksg_information(code, heard) == pytest.approx(channel_information(code, 0.5), rel=0.05)


def test_a_coin_tells_less_than_the_bound() -> None:
    coin = np.random.default_rng(0).integers(2, size=5000) * 2.0
    assert channel_information(coin, 0.01) > math.log(2)


def test_rotations_and_shifts_do_not_matter_and_scale_and_noise_do() -> None:
    code, _ = _code(5, 0.5, rows=500)
    found = channel_information(code, 0.3)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
    assert channel_information(code @ turn + 7, 0.3) == pytest.approx(found)
    assert channel_information(10 * code, 3.0) == pytest.approx(found)
    assert channel_information(2 * code, 0.3) > found > channel_information(code, 0.6)
    assert channel_information(code[:, :4], 0.3) < found
    assert channel_information(np.column_stack([code, np.ones(500)]), 0.3) == pytest.approx(found)


def test_what_never_changes_tells_nothing() -> None:
    assert channel_information(np.ones((10, 3)), 0.1) == 0.0


def test_takes_many_covariances() -> None:
    many = np.array([np.eye(3), 4 * np.eye(3)])
    assert covariance_information(many, 1.0) == pytest.approx(
        [1.5 * math.log(2), 1.5 * math.log(5)]
    )


def test_bad_input_is_named() -> None:
    with pytest.raises(DataError, match="code: expected at least 2 rows, got 1"):
        channel_information([[1.0, 2.0]], 1.0)
    with pytest.raises(DataError, match="code: expected finite, got inf at row 0, column 1"):
        channel_information([[1.0, np.inf], [0.0, 0.0]], 1.0)
    for noise in (0.0, -1.0, math.nan):
        with pytest.raises(DataError, match=f"noise: expected a positive .*, got {noise}"):
            channel_information([1.0, 2.0], noise)
    with pytest.raises(DataError, match=r"covariance: expected shape .* got \[2, 3\]"):
        covariance_information(np.ones((2, 3)), 1.0)

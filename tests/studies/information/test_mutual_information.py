import math
from typing import Any

import numpy as np
import pytest
from scipy.special import digamma  # type: ignore[import-untyped]

from studies.information.mutual_information import ksg_information, ross_information
from tfrec_mt.schema import DataError


def _pair(columns: int, correlation: float, rows: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Gaussians whose columns are correlated in pairs, and only so."""
    rng = np.random.default_rng(columns)
    first, other = rng.normal(size=(2, rows, columns))
    return first, correlation * first + math.sqrt(1 - correlation**2) * other


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6, 0.9])
def test_finds_what_gaussians_share(columns: int, correlation: float) -> None:
    true = -0.5 * columns * math.log(1 - correlation**2)
    found = ksg_information(*_pair(columns, correlation))
    assert found == pytest.approx(true, abs=0.05 + 0.08 * true)


def _slow_ksg(first: np.ndarray, second: np.ndarray, k: int) -> float:
    scaled = [(v - v.mean(axis=0)) / v.std(axis=0) for v in (first, second)]
    rows, total = len(first), 0.0
    for i in range(rows):
        apart = [[max(abs(v[i] - v[j])) for j in range(rows)] for v in scaled]
        both = sorted(max(apart[0][j], apart[1][j]) for j in range(rows) if j != i)
        for one in apart:
            near = sum(one[j] < both[k - 1] for j in range(rows) if j != i)
            total += digamma(near + 1)
    return float(digamma(k) + digamma(rows) - total / rows)


@pytest.mark.parametrize("k", [1, 4])
def test_equals_a_plain_count_of_neighbours(k: int) -> None:
    first, second = _pair(2, 0.7, rows=60)
    assert ksg_information(first, second, k) == pytest.approx(_slow_ksg(first, second, k))


def test_does_not_depend_on_units_order_or_which_is_first() -> None:
    first, second = _pair(2, 0.7, rows=300)
    found = ksg_information(first, second)
    assert ksg_information(second, first) == pytest.approx(found)
    assert ksg_information(first[::-1], second[::-1]) == pytest.approx(found)
    assert ksg_information(5 + 1e3 * first, -1e-3 * second) == pytest.approx(found)
    assert ksg_information(np.column_stack([first, np.ones(300)]), second) == pytest.approx(found)


def test_bends_hardly_matter_and_need_no_correlation() -> None:
    first, second = _pair(1, 0.8)
    assert ksg_information(first**3, np.exp(second)) == pytest.approx(
        ksg_information(first, second), abs=0.05
    )
    parabola = first**2 + 0.1 * np.random.default_rng(1).normal(size=first.shape)
    assert abs(np.corrcoef(first[:, 0], parabola[:, 0])[0, 1]) < 0.1
    assert ksg_information(first, parabola) > 1.0


def test_what_never_changes_tells_nothing() -> None:
    assert ksg_information(np.ones(50), np.arange(50.0)) == 0.0
    assert ross_information(np.ones(50), np.arange(50) % 2) == 0.0


def _two_classes(rate: float, apart: float, rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    labels = rng.random(rows) < rate
    return rng.normal(size=rows) + apart * labels, labels


def _true_of_classes(rate: float, apart: float) -> float:
    x = np.linspace(-12, 12 + apart, 20_001)
    parts = [w * np.exp(-((x - m) ** 2) / 2) for w, m in ((1 - rate, 0.0), (rate, apart))]
    parts = [p / math.sqrt(2 * math.pi) for p in parts]
    joint: Any = sum(
        np.where(p > 0, p * np.log(np.maximum(p, 1e-300) / (w * (parts[0] + parts[1]))), 0)
        for p, w in zip(parts, (1 - rate, rate), strict=True)
    )
    return float(joint.sum() * (x[1] - x[0]))


@pytest.mark.parametrize(("rate", "apart"), [(0.5, 2.0), (0.5, 0.0), (0.05, 2.0), (0.01, 3.0)])
def test_finds_what_a_number_tells_of_a_label(rate: float, apart: float) -> None:
    found = ross_information(*_two_classes(rate, apart, 8000))
    assert found == pytest.approx(_true_of_classes(rate, apart), abs=0.015)


def _slow_ross(values: np.ndarray, labels: np.ndarray, k: int) -> float:
    kept = [i for i in range(len(values)) if sum(labels == labels[i]) > 1]
    terms = []
    for i in kept:
        own = sorted(abs(values[i] - values[j]) for j in kept if j != i and labels[j] == labels[i])
        taken = min(k, len(own))
        near = sum(abs(values[i] - values[j]) <= own[taken - 1] for j in kept if j != i)
        terms.append(digamma(taken) - digamma(len(own) + 1) - digamma(near))
    return float(digamma(len(kept)) + np.mean(terms))


def test_equals_a_plain_count_of_neighbours_of_a_label() -> None:
    rng = np.random.default_rng(4)
    labels = np.array(["a"] * 40 + ["b"] * 17 + ["c"] * 2 + ["d"])
    values = rng.normal(size=60) + np.arange(60) / 30
    found = ross_information(values, labels, 3)
    assert found == pytest.approx(_slow_ross(values, labels, 3))
    assert ross_information(7 - 100 * values, labels, 3) == pytest.approx(found)


def test_bad_input_is_named() -> None:
    numbers = np.random.default_rng(0).normal(size=20)
    with pytest.raises(DataError, match="second: expected 20 rows, as first has, got 19"):
        ksg_information(numbers, numbers[:19])
    with pytest.raises(DataError, match="first: expected finite, got nan at row 2, column 0"):
        ksg_information(np.where(np.arange(20) == 2, np.nan, numbers), numbers)
    with pytest.raises(DataError, match=r"first: expected numbers of shape \[n\] or \[n, d\]"):
        ksg_information(np.zeros((2, 2, 2)), numbers)
    with pytest.raises(DataError, match=r"values: expected numbers .* got <U1"):
        ross_information(["a", "b"], [0, 1])
    with pytest.raises(DataError, match="neighbours: expected at least 1, got 0"):
        ksg_information(numbers, numbers, 0)
    with pytest.raises(DataError, match="expected more than 20 for as many neighbours, got 20"):
        ksg_information(numbers, numbers, 20)
    with pytest.raises(DataError, match="row 0 has more than 3 rows equal to it"):
        ksg_information(np.arange(20) // 10, np.arange(20) // 10)
    with pytest.raises(DataError, match="labels: expected 20 rows"):
        ross_information(numbers, np.zeros(3))
    with pytest.raises(DataError, match="labels: expected one of two rows or more"):
        ross_information(numbers, np.arange(20))

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tfrec_mt.metrics.auc import auc
from tfrec_mt.schema import DataError


def pairwise_auc(labels: NDArray[Any], scores: NDArray[Any], weights: NDArray[Any]) -> float:
    """Every pair of a positive and a negative, one by one."""
    won = total = 0.0
    for y_i, s_i, w_i in zip(labels, scores, weights, strict=True):
        for y_j, s_j, w_j in zip(labels, scores, weights, strict=True):
            if y_i == 1 and y_j == 0:
                total += w_i * w_j
                won += w_i * w_j * (1.0 if s_i > s_j else 0.5 if s_i == s_j else 0.0)
    return won / total


@pytest.mark.parametrize("levels", [3, 10, 10_000])
def test_equals_all_pairs_with_few_and_many_ties(levels: int) -> None:
    rng = np.random.default_rng(levels)
    labels = rng.integers(0, 2, 120)
    scores = rng.integers(0, levels, 120) / levels - 0.5
    weights = rng.random(120) * rng.integers(0, 2, 120)
    assert auc(labels, scores) == pytest.approx(pairwise_auc(labels, scores, np.ones(120)))
    assert auc(labels, scores, weights) == pytest.approx(pairwise_auc(labels, scores, weights))


def test_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(5000) < 0.05
    scores = (rng.normal(size=5000) + labels).astype(np.float32)
    weights = rng.random(5000)
    expected = roc_auc_score(labels, scores, sample_weight=weights)
    assert auc(labels, scores, weights) == pytest.approx(expected, abs=1e-12)


def test_a_whole_weight_equals_repeated_rows() -> None:
    labels, scores, weights = [0, 1, 0, 1, 1], [0.2, 0.2, 0.4, 0.1, 0.9], [3, 1, 0, 2, 1]
    repeated = auc(np.repeat(labels, weights), np.repeat(scores, weights))
    assert auc(labels, scores, weights) == pytest.approx(repeated)


@pytest.mark.parametrize("labels", [[], [0, 0], [1, 1, 1]])
def test_is_not_defined_for_one_class(labels: list[int]) -> None:
    assert math.isnan(auc(labels, np.zeros(len(labels))))


def test_is_not_defined_where_a_class_has_no_weight() -> None:
    assert math.isnan(auc([0, 1], [0.1, 0.2], [1, 0]))


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 2], [0.1, 0.2], "labels: expected 0 or 1, got 2 at row 1"),
        ([0, 1], [0.1, math.nan], "scores: expected finite, got nan at row 1"),
        ([0, 1], [0.1], "expected 2 rows, got 1"),
        ([[0, 1]], [0.1, 0.2], r"expected shape \[B\], got \[1, 2\]"),
    ],
)
def test_names_what_is_wrong(labels: Any, scores: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        auc(labels, scores)


def test_refuses_negative_weights() -> None:
    with pytest.raises(DataError, match="none negative, got -1"):
        auc([0, 1], [0.1, 0.2], [1, -1])

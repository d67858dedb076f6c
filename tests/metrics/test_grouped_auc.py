import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tfrec_mt.metrics.auc import auc
from tfrec_mt.metrics.grouped_auc import Weighting, grouped_auc
from tfrec_mt.schema import DataError, SchemaError


def group_by_group(
    labels: NDArray[Any], scores: NDArray[Any], groups: NDArray[Any], weighting: Weighting
) -> tuple[float, int]:
    found = []
    for group in set(groups.tolist()):
        inside = groups == group
        value = auc(labels[inside], scores[inside])
        if not math.isnan(value):
            found.append((value, inside.sum() if weighting == "rows" else 1))
    values, weights = np.array(found).T
    return (values * weights).sum() / weights.sum(), len(found)


@pytest.mark.parametrize("weighting", ["rows", "uniform"])
@pytest.mark.parametrize("seed", range(5))
def test_equals_group_by_group(weighting: Weighting, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 600)
    # Negative scores and ties, within a group and across groups.
    scores = rng.integers(-5, 5, 600) / 7
    groups = rng.integers(-30, 100, 600)
    expected, used = group_by_group(labels, scores, groups, weighting)
    found = grouped_auc(labels, scores, groups, weighting)
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert (found.groups_used, found.groups_total) == (used, len(set(groups.tolist())))


def test_the_two_weightings_differ_as_they_should() -> None:
    labels = [0, 1, 0, 1, 0, 0]
    scores = [0.1, 0.9, 0.9, 0.1, 0.2, 0.3]
    groups = ["a", "a", "b", "b", "b", "b"]  # AUC 1 with 2 rows, AUC 0 with 4
    assert grouped_auc(labels, scores, groups, "uniform").value == pytest.approx(0.5)
    assert grouped_auc(labels, scores, groups, "rows").value == pytest.approx(1 / 3)


def test_ignores_how_groups_compare_with_each_other() -> None:
    labels = np.array([0, 1, 0, 1])
    scores = np.array([0.1, 0.2, 0.8, 0.9])
    assert grouped_auc(labels, scores, [0, 0, 1, 1]).value == 1.0
    assert grouped_auc(labels, scores, [0, 0, 0, 0]).value == 0.75


@pytest.mark.parametrize(("labels", "groups"), [([], []), ([0, 1, 1], [4, 5, 5])])
def test_is_not_defined_without_a_mixed_group(labels: list[int], groups: list[int]) -> None:
    found = grouped_auc(labels, np.zeros(len(labels)), groups)
    assert math.isnan(found.value)
    assert (found.groups_used, found.groups_total) == (0, len(set(groups)))


def test_refuses_bad_arguments() -> None:
    with pytest.raises(SchemaError, match="weighting must be 'rows' or 'uniform', got 'users'"):
        grouped_auc([0, 1], [0.1, 0.2], [0, 0], "users")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="groups: expected 2 rows"):
        grouped_auc([0, 1], [0.1, 0.2], [0])

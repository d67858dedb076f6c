import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from studies.information.label_information import label_gains, label_information
from tfrec_mt.schema import DataError


def _rows(
    rows: int, columns: int, slope: float, rate: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Labels that depend on the first column, and what it tells of them on average."""
    rng = np.random.default_rng(columns)
    code = rng.normal(size=(rows, columns))
    start = np.log(rate / (1 - rate))
    x = np.linspace(-8, 8, 4001)
    density = np.exp(-(x**2) / 2) / np.exp(-(x**2) / 2).sum()
    chance = 1 / (1 + np.exp(-start - slope * x))
    true = float(_entropy(density @ chance) - density @ _entropy(chance))
    labels = rng.random(rows) < 1 / (1 + np.exp(-start - slope * code[:, 0]))
    return code, labels, true


def _entropy(p: np.ndarray) -> np.ndarray:
    return -p * np.log(p) - (1 - p) * np.log1p(-p)


@pytest.mark.parametrize(("slope", "rate"), [(1.0, 0.5), (2.0, 0.1), (1.0, 0.02)])
def test_finds_what_a_code_tells_of_a_label(slope: float, rate: float) -> None:
    code, labels, true = _rows(20_000, 3, slope, rate)
    assert label_information(code, labels, penalty=1.0) == pytest.approx(true, abs=0.01)


def test_rare_labels_and_many_columns_are_no_information() -> None:
    code, _, _ = _rows(4000, 50, 0.0, 0.5)
    labels = np.arange(4000) % 50 == 0
    assert -0.01 < label_information(code, labels) < 0.002


def test_is_what_scikit_learn_predicts_of_the_other_fold() -> None:
    code, labels, _ = _rows(400, 4, 1.0, 0.3)
    code = code * [1, 10, 100, 0.1] + 5
    folds = np.random.default_rng(0).permutation(400) % 2
    scaled = (code - code.mean(axis=0)) / code.std(axis=0)
    expected = np.zeros(400)
    for fold in (0, 1):
        held, rest = folds == fold, folds != fold
        reader = LogisticRegression(C=1 / 20, tol=1e-10).fit(scaled[rest], labels[rest])
        chances = reader.predict_proba(scaled[held])[np.arange(200), labels[held].astype(int)]
        rate = labels[rest].mean()
        expected[held] = np.log(chances) - np.log(np.where(labels[held], rate, 1 - rate))
    found = label_gains(code, labels, folds=2, penalty=20.0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_group_is_not_known_from_its_other_rows() -> None:
    rng = np.random.default_rng(0)
    groups = np.arange(2000) % 40
    code = np.eye(40)[groups]
    labels = (rng.random(40) < 0.5)[groups]
    assert label_information(code, labels, penalty=1.0) > 0.5
    assert label_information(code, labels, groups, penalty=1.0) < 0.05


def test_outliers_and_hardly_varying_columns_do_no_harm() -> None:
    code, labels, _ = _rows(1000, 3, 1.0, 0.3)
    found = label_information(code, labels)
    flat = np.zeros(1000)
    flat[7] = 1e-9
    far = code.copy()
    far[:, 2] = np.exp(8 * far[:, 2])
    assert label_information(np.column_stack([code, flat]), labels) == pytest.approx(
        found, abs=0.01
    )
    assert label_information(far, labels) == pytest.approx(found, abs=0.01)


def test_a_label_that_is_certain_is_found() -> None:
    code = np.linspace(-1, 1, 500)
    assert label_information(code, code > 0, penalty=1e-3) == pytest.approx(np.log(2), abs=0.05)


def test_units_do_not_matter_and_constants_tell_nothing() -> None:
    code, labels, _ = _rows(1000, 2, 1.0, 0.3)
    found = label_information(code, labels)
    assert label_information(code * [1e3, 1e-3] - 4, labels) == pytest.approx(found)
    assert label_information(np.column_stack([code, np.ones(1000)]), labels) == pytest.approx(found)
    assert label_information(np.ones(1000), labels) == pytest.approx(0.0, abs=1e-9)


def test_bad_input_is_named() -> None:
    code, labels = np.arange(10.0), np.arange(10) % 2
    with pytest.raises(DataError, match="code: expected 10 rows, one per label, got 9"):
        label_information(code[:9], labels)
    with pytest.raises(DataError, match="expected 0 or 1, got 2"):
        label_information(code, labels * 2)
    with pytest.raises(DataError, match="groups: expected integers, got float64"):
        label_information(code, labels, code)
    with pytest.raises(DataError, match="expected both 0 and 1 outside fold 4"):
        label_information(code, np.arange(10) == 0)
    with pytest.raises(DataError, match=r"2 folds or more and a positive penalty, got 1, 100"):
        label_information(code, labels, folds=1)
    with pytest.raises(DataError, match=r"positive penalty, got 5, 0"):
        label_information(code, labels, penalty=0.0)

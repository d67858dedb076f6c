import math

import numpy as np
import pytest
from sklearn.metrics import log_loss as sklearn_log_loss

from tfrec_mt.metrics.log_loss import log_loss
from tfrec_mt.schema import DataError


def test_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.random(1000)
    labels = rng.random(1000) < predicted
    assert log_loss(labels, predicted) == pytest.approx(sklearn_log_loss(labels, predicted))


def test_is_defined_for_one_class() -> None:
    assert log_loss([1, 1], [0.5, 0.25]) == pytest.approx(1.5 * math.log(2))


def test_a_sure_mistake_costs_a_finite_price() -> None:
    assert log_loss([0], np.ones(1, np.float32)) == pytest.approx(-math.log(1e-7))
    assert log_loss([1], [0.0]) == pytest.approx(-math.log(1e-7))
    assert log_loss([1], [1.0]) == pytest.approx(1e-7)


def test_is_not_defined_without_rows() -> None:
    assert math.isnan(log_loss([], []))


@pytest.mark.parametrize("value", [-0.01, 1.5])
def test_refuses_what_is_no_probability(value: float) -> None:
    with pytest.raises(DataError, match=f"a probability in .* got {value} at row 1"):
        log_loss([0, 1], [0.5, value])

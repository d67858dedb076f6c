import math

import pytest

from tfrec_mt.metrics.calibration import calibration_ratio
from tfrec_mt.schema import DataError


def test_is_predicted_over_actual() -> None:
    assert calibration_ratio([1, 0, 0, 1], [0.5, 0.5, 0.25, 0.25]) == pytest.approx(0.75)


@pytest.mark.parametrize("labels", [[], [0, 0]])
def test_is_not_defined_without_positives(labels: list[int]) -> None:
    assert math.isnan(calibration_ratio(labels, [0.5] * len(labels)))


def test_refuses_logits() -> None:
    with pytest.raises(DataError, match="probability"):
        calibration_ratio([0, 1], [-3.0, 2.0])

import numpy as np
import pytest

from tfrec_mt.training.optimizers.rate_schedule import WarmUp, scheduled_rate


def rates(schedule: str, steps: int, warm_up: float) -> list[float]:
    rate = scheduled_rate(schedule, 0.5, steps, warm_up)  # type: ignore[arg-type]
    return [float(rate(step)) for step in range(steps)]  # type: ignore[operator]


def test_rises_and_then_falls() -> None:
    np.testing.assert_allclose(
        rates("linear", 10, 0.2), [0.25, 0.5, *(0.5 * (1 - np.arange(8) / 8))], rtol=1e-6
    )


def test_rises_and_then_stays() -> None:
    np.testing.assert_allclose(rates("constant", 8, 0.5), [0.125, 0.25, 0.375, *[0.5] * 5])


def test_a_run_too_short_to_warm_up_does_not() -> None:
    assert scheduled_rate("constant", 0.5, 4, 0.1) == 0.5


def test_a_configuration_makes_an_equal_one() -> None:
    rate = scheduled_rate("linear", 0.5, 10, 0.2)
    assert isinstance(rate, WarmUp)
    again = WarmUp.from_config(rate.get_config())
    assert [float(again(s)) for s in range(10)] == [float(rate(s)) for s in range(10)]


def test_a_share_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"warm_up must be .* got 1\.0"):
        scheduled_rate("linear", 0.5, 10, 1.0)

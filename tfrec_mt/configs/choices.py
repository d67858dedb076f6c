"""Names to choose from, where a setting takes one of a few."""

from typing import Literal

Surgery = Literal["mtrec", "pcgrad", "none"]
SURGERIES: tuple[Surgery, ...] = ("mtrec", "pcgrad", "none")

RateSchedule = Literal["constant", "linear"]
RATE_SCHEDULES: tuple[RateSchedule, ...] = ("constant", "linear")

RateRule = Literal["printed", "normalised", "none"]
RATE_RULES: tuple[RateRule, ...] = ("printed", "normalised", "none")

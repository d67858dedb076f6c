"""The choices of settings that take one of a few names."""

from typing import Literal

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")

Surgery = Literal["mtrec", "pcgrad", "none"]
SURGERIES: tuple[Surgery, ...] = ("mtrec", "pcgrad", "none")

RateSchedule = Literal["constant", "linear"]
RATE_SCHEDULES: tuple[RateSchedule, ...] = ("constant", "linear")

IndexKind = Literal["brute_force", "streaming", "scann"]

RateRule = Literal["printed", "normalised", "none"]
RATE_RULES: tuple[RateRule, ...] = ("printed", "normalised", "none")

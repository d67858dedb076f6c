"""Sentences about models that are below their floors."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tfrec_mt.evaluation.below_floors import below_floors, below_sentences
from tfrec_mt.evaluation.estimate import Estimate

FLOORS = {"zero_shot": ("floor",), "adapted": ("fresh_floor",)}
ADVICE = {"zero_shot": "Mend the base.", "adapted": "Mend the kernels."}


def _told(**losses: float) -> list[str]:
    def estimate(model: str, *_: Any) -> Estimate:
        return Estimate(losses[model], np.full(10, losses[model]))

    table: Any = SimpleNamespace(metrics_of=lambda _: ("log_loss",), estimate=estimate)
    return below_sentences([*below_floors(table, FLOORS, ("ctr",), ADVICE)])


def test_nothing_is_said_of_what_is_above() -> None:
    assert _told(zero_shot=0.3, floor=0.3, adapted=0.2, fresh_floor=0.25) == []


@pytest.mark.parametrize(
    ("adapted", "models", "advice"),
    [
        (0.9, ["zero_shot", "adapted"], "Mend the base."),
        (0.2, ["zero_shot"], "Mend the base."),
    ],
)
def test_a_base_below_is_what_to_mend(adapted: float, models: list[str], advice: str) -> None:
    *found, last = _told(zero_shot=0.4, floor=0.3, adapted=adapted, fresh_floor=0.25)
    assert [sentence.split()[0] for sentence in found] == models
    assert last == advice


def test_kernels_below_are_what_to_mend_behind_a_base_that_is_not() -> None:
    found = _told(zero_shot=0.3, floor=0.4, adapted=0.26, fresh_floor=0.25)
    told = "log loss 0.2600 against 0.2500, beyond the 95% interval"
    assert found == [f"adapted is below fresh_floor in ctr: {told}.", "Mend the kernels."]


def test_figures_that_are_close_are_told_apart() -> None:
    first, _ = _told(zero_shot=0.04862, floor=0.04861, adapted=0.0, fresh_floor=1.0)
    assert "log loss 0.048620 against 0.048610" in first

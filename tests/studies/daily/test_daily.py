"""Models that follow a few days of a small world."""

from pathlib import Path

import numpy as np
import pytest

from studies.daily.daily import DAILY_STUDY
from studies.daily.daily_experiment import DAILY_METRICS, daily_experiment
from studies.framework.study import Outcome

SMALL = {"rows": 16_000, "days": 8, "seed": 0}
NAMES = (
    "base of day 6",
    "base continued",
    "base continued, kernels of a quarter go on",
    "base a day behind, kernels go on",
    "base anew each day",
)


def _run(name: str, folder: Path) -> Outcome:
    (variant,) = (one for one in DAILY_STUDY.variants if one.name == name)
    settings = {**DAILY_STUDY.settings, **variant.settings, **SMALL}
    return daily_experiment(settings, folder / name, folder / "shared")


@pytest.mark.slow  # a whole experiment
def test_each_model_is_measured_on_the_day_after(tmp_path: Path) -> None:
    outcomes = {name: _run(name, tmp_path) for name in NAMES}
    for name, outcome in outcomes.items():
        assert set(DAILY_METRICS) <= set(outcome.estimates), name
        # learned from day 7, measured on day 8
        assert [day for day, _ in outcome.curves["AUC of a click by day"]] == [8.0]
    rows = {name: of.facts["rows learned from a day"] for name, of in outcomes.items()}
    assert rows["base of day 6"] == 0
    assert rows["base continued"] == rows["base continued, kernels of a quarter go on"]
    assert rows["base anew each day"] > 6 * rows["base continued"]
    # bootstrapped on the same users, so that models can be compared
    replicates = [outcome.estimates["ctr/overall"].replicates for outcome in outcomes.values()]
    assert len({len(one) for one in replicates}) == 1
    assert np.corrcoef(replicates[0], replicates[1])[0, 1] > 0.3

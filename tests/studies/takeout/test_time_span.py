"""Kernels and their control on more or fewer days, on a takeout world of a few rows."""

from pathlib import Path

import numpy as np
import pytest

from studies.framework.study import Outcome
from studies.takeout.takeout_experiment import TASK_METRICS
from studies.takeout.time_span import TIME_SPAN
from studies.takeout.time_span_experiment import time_span_experiment

SMALL = {"rows": 20_000, "units": [8], "certainty": 0.0, "seed": 0}
TWO_DAYS = "2 days: base continued", "2 days", "2 days with memory"


def _run(variant: str, folder: Path) -> Outcome:
    (chosen,) = (one for one in TIME_SPAN.variants if one.name == variant)
    settings = {**TIME_SPAN.settings, **chosen.settings, **SMALL}
    return time_span_experiment(settings, folder / variant, folder / "shared")


@pytest.mark.slow  # a whole experiment
def test_users_of_the_days_and_others_are_measured_apart(tmp_path: Path) -> None:
    alone = _run("base alone", tmp_path)
    assert set(alone.estimates) == set(TASK_METRICS) and not alone.facts
    outcomes = {name: _run(name, tmp_path) for name in TWO_DAYS}
    for outcome in outcomes.values():
        assert set(outcome.estimates) == set(TIME_SPAN.metrics)
        assert 2000 < outcome.facts["rows learned from"] < 8000
        for task in TASK_METRICS:
            lift = outcome.estimates[task].value - alone.estimates[task].value
            of_kinds = [outcome.estimates[f"{task}/{kind}"].value for kind in ("seen", "new")]
            assert lift and np.all(of_kinds)
    clicks = [outcome.estimates["ctr/seen"].value for outcome in outcomes.values()]
    assert len(set(clicks)) == 3
    (control, *_) = outcomes.values()
    assert {"steps of the control", "its rate"} < set(control.facts)

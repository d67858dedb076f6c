"""Models that follow a few days of a small world."""

from pathlib import Path

import numpy as np
import pytest

from studies.daily.carried import CARRIED_STUDY
from studies.daily.daily import DAILY_STUDY
from studies.daily.daily_experiment import DAILY_METRICS
from studies.daily.new_domain import NEW_DOMAIN
from studies.daily.pull import PULL
from studies.framework.study import Outcome, Study
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.scan import scan

SMALL = {"rows": 16_000, "days": 8, "seed": 0}
QUARTER = "a quarter, kernels go on, pull 0.1"
NAMES = (
    "base of day 6",
    "base continued",
    "base a day behind, kernels go on",
    "base anew each day",
)


def _run(study: Study, name: str, folder: Path, **told: int) -> Outcome:
    (variant,) = (one for one in study.variants if one.name == name)
    settings = {**study.settings, **variant.settings, **SMALL, **told}
    return study.experiment(settings, folder / name, folder / "shared")


@pytest.mark.slow  # a whole experiment
def test_each_model_is_measured_on_the_day_after(tmp_path: Path) -> None:
    outcomes = {name: _run(DAILY_STUDY, name, tmp_path) for name in NAMES}
    outcomes[QUARTER] = _run(PULL, QUARTER, tmp_path)
    for name, outcome in outcomes.items():
        assert set(DAILY_METRICS) <= set(outcome.estimates), name
        # learned from day 7, measured on day 8
        assert [day for day, _ in outcome.curves["AUC of a click by day"]] == [8.0]
    rows = {name: of.facts["rows learned from a day"] for name, of in outcomes.items()}
    assert rows["base of day 6"] == 0
    assert rows["base continued"] == rows[QUARTER]
    assert rows["base anew each day"] > 6 * rows["base continued"]
    # bootstrapped on the same users, so that models can be compared
    replicates = [outcome.estimates["ctr/overall"].replicates for outcome in outcomes.values()]
    assert len({len(one) for one in replicates}) == 1
    assert np.corrcoef(replicates[0], replicates[1])[0, 1] > 0.3


@pytest.mark.slow  # a whole experiment
def test_carried_kernels_are_compared_with_those_of_the_base(tmp_path: Path) -> None:
    base = "base trained anew with another width"
    alone, own, carried = (
        _run(CARRIED_STUDY, f"{base}{what}", tmp_path)
        for what in ("", ", its own kernels", ", kernels carried to it")
    )
    values = [of.estimates["ctr"].value for of in (alone, carried, own)]
    kept = carried.estimates["ctr/kept"].value
    assert kept == pytest.approx((values[1] - values[0]) / (values[2] - values[0]))
    assert carried.facts["seconds"] < own.facts["seconds"]
    assert "ctr/kept" not in own.estimates


@pytest.mark.slow  # a whole experiment
def test_a_new_domain_is_given_kernels(tmp_path: Path) -> None:
    names = ("base", "donors, no rows", "named donors, no rows")
    base, donors, named = (
        _run(NEW_DOMAIN, name, tmp_path, rows=48_000).estimates["ctr/log_loss"].value
        for name in names
    )
    assert donors == pytest.approx(base)  # contrasts that cancel
    assert named != pytest.approx(base)
    # the others' kernels have not seen the region
    (folder,) = (tmp_path / "shared").iterdir()
    log = PreparedDataset(folder / "others,test7")
    codes = np.concatenate([batch.features["region"] for batch in scan(log, "fresh", 1_000)])
    assert set(codes) == {1, 2, 3, 5, 6}

"""Studies of kernels on a takeout world of a few rows."""

from pathlib import Path

import numpy as np
import pytest

from studies.framework.study import Outcome
from studies.takeout.takeout_experiment import takeout_experiment
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS, WITH_MEMORY

SCORES = ("zero_shot", "control", "adapted", "popularity", "oracle")
SMALL = {"rows": 20_000, "units": [8], "certainty": 0.0, "seed": 0}


pytestmark = pytest.mark.slow  # a whole experiment


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    folder = Path(tmp_path_factory.mktemp("study"))
    settings = {
        **{name: {"scores": name} for name in SCORES},
        "memory": {"scores": "adapted", **WITH_MEMORY},
    }
    return {
        name: takeout_experiment(
            {**TAKEOUT_SETTINGS, **SMALL, **own}, folder / name, folder / "shared"
        )
        for name, own in settings.items()
    }


def test_a_metric_is_the_mean_over_its_domains(outcomes: dict[str, Outcome]) -> None:
    for outcome in outcomes.values():
        for task in ("ctr", "ctcvr"):
            for topic, domains in ("", 11), ("/scene", 2), ("/period", 3), ("/region", 6):
                cells = [
                    estimate.value
                    for name, estimate in outcome.estimates.items()
                    if name.startswith(f"{task}{topic}/") and name.count("/") == 2
                ]
                assert len(cells) == domains
                mean = outcome.estimates[f"{task}{topic}"]
                assert mean.value == pytest.approx(np.nanmean(cells))
                assert 0.3 < mean.value < 0.95


def test_kernels_change_what_the_shared_base_gives(outcomes: dict[str, Outcome]) -> None:
    plain, adapted = (outcomes[name].estimates["ctr"] for name in ("zero_shot", "adapted"))
    assert plain.value != adapted.value
    assert plain.replicates.shape == adapted.replicates.shape
    assert set(outcomes["adapted"].facts) == {
        "weights",
        "minutes of kernels",
        "weights of a kernel",
    }
    assert set(outcomes["oracle"].facts) == set()


def test_memory_and_the_control_stand_beside(outcomes: dict[str, Outcome]) -> None:
    values = {outcomes[name].estimates["ctr"].value for name in (*SCORES[:3], "memory")}
    assert len(values) == 4
    assert outcomes["memory"].facts["remembered ids"] > 0
    assert set(outcomes["control"].facts) == {"steps of the control", "its rate"}
    assert outcomes["control"].facts["steps of the control"] > 1


def test_the_truth_is_best(outcomes: dict[str, Outcome]) -> None:
    best = outcomes["oracle"].estimates["ctr"].value
    assert best > max(
        outcomes[name].estimates["ctr"].value for name in outcomes if name != "oracle"
    )

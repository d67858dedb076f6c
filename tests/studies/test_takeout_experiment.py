"""Studies of kernels on a takeout world of a few rows."""

from pathlib import Path

import numpy as np
import pytest

from tfrec_mt.studies.study import Outcome
from tfrec_mt.studies.takeout_experiment import TAKEOUT_SETTINGS, takeout_experiment

SMALL = {"rows": 20_000, "units": [8], "certainty": 0.0, "seed": 0}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    folder = Path(tmp_path_factory.mktemp("study"))
    return {
        scores: takeout_experiment(
            {**TAKEOUT_SETTINGS, **SMALL, "scores": scores}, folder / scores, folder / "shared"
        )
        for scores in ("zero_shot", "adapted")
    }


def test_a_metric_is_the_mean_over_its_domains(outcomes: dict[str, Outcome]) -> None:
    for outcome in outcomes.values():
        for task in ("ctr", "ctcvr"):
            cells = [e for name, e in outcome.estimates.items() if name.startswith(f"{task}/")]
            assert len(cells) == 11
            mean = outcome.estimates[task]
            assert mean.value == pytest.approx(np.nanmean([cell.value for cell in cells]))
            assert 0.4 < mean.value < 0.9


def test_kernels_change_what_the_shared_base_gives(outcomes: dict[str, Outcome]) -> None:
    plain, adapted = (outcomes[name].estimates["ctr"] for name in ("zero_shot", "adapted"))
    assert plain.value != adapted.value
    assert plain.replicates.shape == adapted.replicates.shape
    assert set(outcomes["adapted"].facts) == {"minutes of kernels"}

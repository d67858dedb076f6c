"""The study of kernels by defaults, on a log that is small."""

from pathlib import Path
from typing import Any

import pytest

import tfrec_mt as mt
from studies.first_hour import first_kernels_experiment
from studies.first_hour.first_kernels import FIRST_KERNELS
from studies.first_hour.first_kernels_experiment import BASE, CONTINUED, KINDS, TRUTH
from studies.framework import logs
from tfrec_mt.storage.names import MODEL


@pytest.mark.slow
def test_kernels_stand_beside_their_base_and_control(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def source(seed: int) -> Any:
        return mt.sources.takeout(rows=8_000, seed=seed), {}

    monkeypatch.setattr(logs, "LOGS", {"small": source})
    shared = tmp_path / "shared"
    found = {
        who: first_kernels_experiment.first_kernels_experiment(
            {"log": "small", "topics_known": False, "who": who, "seed": 0}, tmp_path / who, shared
        )
        for who in (BASE, CONTINUED, *KINDS, TRUTH)
    }
    # of so few rows none that is clicked has an unknown user or item
    measured = FIRST_KERNELS.metrics.keys() - {"unknown_users", "unknown_items"}
    assert {frozenset(one.estimates) for one in found.values()} == {frozenset(measured)}
    assert len({one.estimates["auc"].value for one in found.values()}) >= 4
    best = max(found, key=lambda who: found[who].estimates["auc"].value)
    assert best == TRUTH
    assert found[CONTINUED].facts["steps of the control"] > 0
    for who in KINDS:
        assert found[who].facts["domains"] == 11
        assert 0 <= found[who].facts["below the control by interval"] <= 11
    (runs,) = (path for path in shared.iterdir() if (path / "base" / MODEL).is_dir())
    assert not mt.load(runs / "base").get_config()["base_topics"]


def test_kernels_of_a_case_have_its_base_and_control() -> None:
    for variant in FIRST_KERNELS.variants:
        case, _, who = variant.name.rpartition(": ")
        assert variant.settings["who"] == who
        assert variant.reference == f"{case}: {BASE}"
        assert variant.control == (f"{case}: {CONTINUED}" if who in KINDS else None)

"""The study of defaults, on a log that is small."""

from pathlib import Path
from typing import Any

import pytest

import tfrec_mt as mt
from studies.first_hour import first_hour_experiment as experiment
from studies.first_hour.first_hour import FIRST_HOUR
from studies.first_hour.first_hour_experiment import (
    DEFAULTS,
    FLOOR,
    KERAS,
    RECIPE,
    recipe_of_a_base,
)
from studies.framework import logs
from studies.framework.logs import LOGS
from tfrec_mt.schema import SchemaError


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    def source(seed: int) -> Any:
        return mt.sources.takeout(rows=8_000, seed=seed), {}

    monkeypatch.setattr(logs, "LOGS", {"small": source})
    recipe = {"epochs": 2, "patience": 1, "batch_size": 512}
    monkeypatch.setattr(experiment, "FIRST_HOUR_RECIPES", {"small": lambda: recipe})


@pytest.mark.slow
def test_each_is_measured_on_the_same_rows(tmp_path: Path) -> None:
    found = {
        who: experiment.first_hour_experiment(
            {"log": "small", "who": who, "seed": 0}, tmp_path / who, tmp_path / "shared"
        )
        for who in (FLOOR, DEFAULTS, KERAS, RECIPE)
    }
    values = {who: one.estimates["auc"].value for who, one in found.items()}
    assert len({*values.values()}) == 4 and min(values.values()) > 0.5
    assert {*found[FLOOR].estimates} == {*FIRST_HOUR.metrics}
    assert "minutes" in found[DEFAULTS].facts and not found[FLOOR].facts


def test_a_log_that_it_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="unknown log 'large'"):
        experiment.first_hour_experiment(
            {"log": "large", "who": FLOOR, "seed": 0}, tmp_path, tmp_path
        )


def test_a_recipe_is_what_its_file_says() -> None:
    found = recipe_of_a_base("movielens_1m")
    assert found["units"] == [256, 128] and found["start"] == "random"
    assert (found["ema_decay"], found["epochs"]) == (0.998, 25)
    assert "kernel_parts" not in found


def test_every_log_has_its_floor() -> None:
    for log in LOGS:
        assert {v.reference for v in FIRST_HOUR.variants if v.settings["log"] == log} == {
            f"{log}: {FLOOR}"
        }

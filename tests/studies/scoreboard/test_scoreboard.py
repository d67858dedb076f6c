"""The scoreboard on small worlds, and what fails it."""

import json
from pathlib import Path
from typing import Any

import pytest

import tfrec_mt as mt
from studies.framework import logs
from studies.framework.baseline import worse_than_published
from studies.framework.study_table import Line, Number
from studies.scoreboard import scoreboard_experiment
from studies.scoreboard.scoreboard import SCOREBOARD
from studies.scoreboard.scoreboard_experiment import (
    BASE,
    CONTINUED,
    KERNEL,
    NEWS,
    SPLITS,
    floors_of,
    split_digest,
)
from tfrec_mt.errors import DataError
from tfrec_mt.schema import SchemaError


def _settings(log: str, who: str, **more: Any) -> dict[str, Any]:
    model = "news" if log == NEWS else "olr"
    return {"log": log, "model": model, "who": who, "dropout": None, "seed": 0, **more}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def source(seed: int) -> Any:
        return mt.sources.takeout(rows=8_000, seed=seed), {}

    monkeypatch.setattr(logs, "LOGS", {"small": source})
    world = {"users": 300, "articles": 400, "impressions": 4_000}
    monkeypatch.setattr(scoreboard_experiment, "_WORLD", world)
    (tmp_path / "splits.json").write_text("{}")  # those of the worlds as they are
    monkeypatch.setattr(scoreboard_experiment, "SPLITS", tmp_path / "splits.json")


@pytest.mark.slow
@pytest.mark.parametrize("log", ["small", NEWS])
def test_all_are_measured_on_the_same_rows(tmp_path: Path, small: None, log: str) -> None:
    everyone = [BASE, KERNEL, CONTINUED, *floors_of(log).values()]
    found = {
        who: scoreboard_experiment.scoreboard_experiment(
            _settings(log, who), tmp_path / who, tmp_path / "shared"
        )
        for who in everyone
    }
    metrics = {"auc", "mean_auc"} if log == NEWS else set(SCOREBOARD.metrics)
    assert all(set(one.estimates) == metrics for one in found.values())
    assert all(0.4 < one.estimates["auc"].value < 1 for one in found.values())
    # as the front door measures it
    (runs,) = (path for path in (tmp_path / "shared").iterdir() if (path / BASE).is_dir())
    again = mt.evaluate(runs / "run-base").table.filter(topic="all")["zero_shot"][0]
    assert found[BASE].estimates["auc"].value == pytest.approx(again, abs=1e-9)
    with pytest.raises(SchemaError, match="who='nobody': unknown"):
        scoreboard_experiment.scoreboard_experiment(
            _settings(log, "nobody"), tmp_path / "nobody", tmp_path / "shared"
        )


def test_another_split_is_refused(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps({"small, seed 0": "0" * 16}))
    monkeypatch.setattr(scoreboard_experiment, "SPLITS", splits)
    with pytest.raises(DataError, match=r"the split of small, seed 0 is \w{16}, expected 0000"):
        scoreboard_experiment.scoreboard_experiment(
            _settings("small", BASE), tmp_path / "run", tmp_path / "shared"
        )


def test_a_digest_tells_splits_apart(tmp_path: Path) -> None:
    rows = mt.sources.takeout(rows=2_000)
    one, same, other = (
        mt.prepare(rows, output=tmp_path / name, split="random", seed=seed)
        for name, seed in (("one", 0), ("same", 0), ("other", 1))
    )
    assert split_digest(one) == split_digest(same) != split_digest(other)


def test_splits_are_committed_for_every_log() -> None:
    known = json.loads(SPLITS.read_text())
    for variant in SCOREBOARD.variants:
        log = variant.settings["log"]
        assert log in known or all(f"{log}, seed {seed}" in known for seed in SCOREBOARD.seeds)


def _line(metric: str, value: float) -> Line:
    number = Number(value=value, by_seeds=None, by_bootstrap=(value - 0.01, value + 0.01))
    return Line(
        variant="a",
        metric=metric,
        value=number,
        against_reference=None,
        over_control=None,
        share=None,
        published=None,
    )


@pytest.mark.parametrize(
    ("metric", "now", "worse"),
    [
        ("auc", 0.695, False),
        ("auc", 0.685, True),
        ("auc", 0.9, False),
        ("mean_auc", 0.685, True),
        ("log_loss", 0.715, True),
        ("log_loss", 0.685, False),
        ("calibration", 0.1, False),
    ],
)
def test_what_leaves_its_interval_on_the_worse_side_is_named(
    metric: str, now: float, worse: bool
) -> None:
    published = [
        {
            "variant": "a",
            "metric": metric,
            "value": {"value": 0.7, "by_bootstrap": [0.69, 0.71]},
        },
        {"variant": "gone", "metric": metric, "value": {"value": 9, "by_bootstrap": [9, 9]}},
    ]
    found = list(worse_than_published([_line(metric, now)], published))
    told = f"a, {metric}: {now:.4f}, published 0.7000 [0.6900, 0.7100]"
    assert found == ([told] if worse else [])

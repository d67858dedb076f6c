"""The study of kernels behind news models, on a newsroom of a few readers."""

from pathlib import Path
from typing import Any

import pytest

from studies.framework.study import Outcome
from studies.news.news_kernels_experiment import (
    NEWS_KERNELS_SETTINGS,
    news_kernels_experiment,
)

SMALL = {
    **{"users": 100, "articles": 200, "impressions": 1_600, "history_length": 8},
    **{"batch_size": 32, "kernel_batch_size": 16, "seed": 0},
}


def _run(folder: Path, name: str, **settings: Any) -> Outcome:
    return news_kernels_experiment(
        {**NEWS_KERNELS_SETTINGS, **SMALL, **settings}, folder / name, folder / "shared"
    )


pytestmark = pytest.mark.slow  # a whole experiment


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


def test_base_kernels_and_oracle_are_measured_on_every_domain(folder: Path) -> None:
    base = _run(folder, "base", scores="zero_shot")
    # so few clicks make nothing certain
    kernels = _run(folder, "kernels", certainty=0.0)
    control = _run(folder, "control", scores="control")
    oracle = _run(folder, "oracle", scores="oracle")
    assert set(base.estimates) == set(oracle.estimates) == {"auc", "section", "device"}
    assert kernels.estimates["auc"].value != base.estimates["auc"].value
    assert control.estimates["auc"].value != base.estimates["auc"].value
    assert control.facts["steps of the control"] > 1 and control.facts["its rate"] > 0
    assert oracle.estimates["auc"].value > max(
        one.estimates["auc"].value for one in (base, kernels, control)
    )


def test_kernels_share_a_base_and_are_not_trained_again(folder: Path) -> None:
    _run(folder, "base", scores="zero_shot")
    before = {path.name for path in (folder / "shared").iterdir()}
    first = _run(folder, "again", certainty=0.0)
    written = (folder / "again" / "kernels").stat().st_mtime_ns
    assert {path.name for path in (folder / "shared").iterdir()} == before
    second = _run(folder, "again", certainty=0.0)
    assert (folder / "again" / "kernels").stat().st_mtime_ns == written
    assert first.estimates["auc"].value == second.estimates["auc"].value


def test_without_certainty_kernels_are_the_base(folder: Path) -> None:
    base = _run(folder, "base", scores="zero_shot")
    kernels = _run(folder, "doubtful", certainty=1e9)
    assert kernels.estimates["auc"].value == pytest.approx(base.estimates["auc"].value)

"""What an evaluation shows of itself."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.example_rows import ROLES, example_rows
from tfrec_mt.evaluation.cells import ScoreKey
from tfrec_mt.evaluation.comparison import ModelRoles
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.impression_evaluator import ImpressionEvaluator
from tfrec_mt.evaluation.metric_row import read_rows


def _evaluation(roles: ModelRoles) -> Evaluation:
    return Evaluation(
        metrics=example_rows(),
        tasks=("ctr",),
        roles=roles,
        part="test",
        split="days",
        scores=ImpressionEvaluator([ScoreKey("zero_shot")], {}, truth=False),
    )


def test_the_table_of_a_notebook_has_the_columns_of_the_text() -> None:
    shown = _evaluation(replace(ROLES, together=None))._repr_html_()
    assert "<th>control</th><th>oracle share</th>" in shown
    assert "all kernels" not in shown
    alone = _evaluation(ModelRoles(zero_shot="zero_shot", adapted="adapted"))._repr_html_()
    assert "<th>lift</th>" in alone and "<th>over control</th>" not in alone


def test_its_name_is_one_short_line() -> None:
    assert repr(_evaluation(ROLES)) == (
        "Evaluation(part 'test': tasks ctr; models zero_shot, adapted, control)"
    )


def test_without_matplotlib_there_are_metrics_and_a_word_about_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = _evaluation(ROLES)
    folder = found.save(tmp_path / "evaluation")
    assert [path.name for path in folder.iterdir()] == ["metrics.json"]
    assert read_rows(folder / "metrics.json") == [*found.metrics]
    (record,) = caplog.records
    assert "no report.html: expected matplotlib" in record.getMessage()
    assert "pip install 'tfrec-mt[reports]'" in record.getMessage()
    shown = found._repr_html_()
    assert "<th>control</th>" in shown and "<img" not in shown


def test_with_matplotlib_there_is_a_report(tmp_path: Path) -> None:
    folder = _evaluation(ROLES).save(tmp_path / "evaluation")
    assert {path.name for path in folder.iterdir()} == {"metrics.json", "report.html"}
    assert "<img" in _evaluation(ROLES)._repr_html_()

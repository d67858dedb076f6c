import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.evaluation.click_log import TASKS, TOPICS, ClickLog
from tfrec_mt.evaluation.cells import Cell, ScoreKey
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.evaluator import Evaluator
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.score_table import ScoreTable
from tfrec_mt.metrics import (
    auc,
    calibration_ratio,
    expected_calibration_error,
    grouped_auc,
    log_loss,
)
from tfrec_mt.schema import DataError

# How far a streamed metric may be from the exact one: binning concerns two of them.
TOLERANCE = {
    "auc": 2e-4,
    "ece": 2e-3,
    "log_loss": 1e-9,
    "calibration": 1e-6,
    "gauc_user": 1e-9,
    "gauc_request": 1e-9,
}


def exact(metric: str, log: ClickLog, task: str, cell: Cell, p: NDArray[np.float32]) -> float:
    rows = log.inside(cell)
    y, p = log.labels[task][rows], p[rows]
    found: dict[str, Callable[[], float]] = {
        "auc": lambda: auc(y, p),
        "log_loss": lambda: log_loss(y, p),
        "calibration": lambda: calibration_ratio(y, p),
        "ece": lambda: expected_calibration_error(y, p),
        "gauc_user": lambda: grouped_auc(y, p, log.users[rows]).value,
        "gauc_request": lambda: grouped_auc(y, p, log.requests[rows]).value,
    }
    return found[metric]()


@pytest.fixture(scope="module")
def table(log: ClickLog) -> ScoreTable:
    return log.feed(log.evaluator(), batch=700).result()


def test_equals_the_exact_metrics_on_every_cell(log: ClickLog, table: ScoreTable) -> None:
    rows = table.rows()
    assert len(rows) == len(log.scores) * len(TASKS) * (1 + 2 + 3) * len(TOLERANCE)
    for row in rows:
        cell, tolerance = Cell(row.topic, row.domain), TOLERANCE[row.metric]
        expected = exact(row.metric, log, row.task, cell, log.scores[ScoreKey(row.model)][row.task])
        assert row.value == pytest.approx(expected, abs=tolerance), row
        oracle = exact(row.metric, log, row.task, cell, log.truth[row.task])
        assert row.oracle == pytest.approx(oracle, abs=tolerance), row
        assert row.n == log.inside(cell).sum()
        assert row.value and row.ci_low and row.ci_high
        assert row.ci_low < row.value < row.ci_high


def test_the_error_of_a_binned_auc_is_within_its_bound() -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    for spread in (0.003, 0.1, 3.0):  # of the logits; the bins are 1/128 wide
        logit = spread * rng.normal(size=n) - 3
        p = (1 / (1 + np.exp(-logit))).astype(np.float32)
        y = rng.random(n) < 1 / (1 + np.exp(3 - (logit + 3) / spread))
        evaluator = Evaluator([ScoreKey("m")], ["ctr"], {})
        evaluator.update(
            {ScoreKey("m"): {"ctr": p}}, labels={"ctr": y}, domains={}, users=np.arange(n)
        )
        found = evaluator.result().estimate("m", "ctr", Cell("all", "all"), "auc").value
        bins = np.floor((np.log(p.astype(float)) - np.log1p(-p.astype(float)) + 16) * 128)
        positives = np.bincount(bins[y].astype(int), minlength=4096)
        negatives = np.bincount(bins[~y].astype(int), minlength=4096)
        bound = (positives @ negatives) / (y.sum() * (~y).sum()) / 2
        assert abs(found - auc(y, p)) <= bound
        if spread >= 0.1:
            assert abs(found - auc(y, p)) < 2e-4


def test_batches_and_spilling_change_nothing(
    log: ClickLog, table: ScoreTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfrec_mt.evaluation.evaluator._BLOCK_ROWS", 512)
    spilled = log.evaluator(rows_in_memory=1000, spill_folder=tmp_path)
    log.feed(spilled, batch=61)
    assert os.listdir(tmp_path) == []  # an open file without a name is on no list
    exact_metrics = ("log_loss", "calibration", "gauc_user", "gauc_request")
    for one, other in zip(spilled.result().rows(), table.rows(), strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-12)
        assert (one.n, one.note) == (other.n, other.note)
        if one.metric in exact_metrics:
            assert one.ci_low == pytest.approx(other.ci_low, abs=1e-9)
        else:  # the first block decides where the bins of the bootstrap lie
            assert one.ci_low and other.ci_low and other.ci_high
            width = other.ci_high - other.ci_low
            assert one.ci_low == pytest.approx(other.ci_low, abs=0.15 * width)


def test_a_fixed_seed_fixes_the_intervals(log: ClickLog, table: ScoreTable) -> None:
    assert log.feed(log.evaluator(), batch=700).result().rows() == table.rows()


def one_domain(labels: list[int], users: list[int], **options: Any) -> dict[str, MetricRow]:
    """Metric rows of one model on domain `home` by metric; domain `work` has no row."""
    evaluator = Evaluator([ScoreKey("m")], ["ctr"], {"scene": ("home", "work")}, **options)
    evaluator.update(
        {ScoreKey("m"): {"ctr": np.linspace(0.1, 0.6, len(labels))}},
        labels={"ctr": labels},
        domains={"scene": np.ones(len(labels), int)},
        users=users,
    )
    return {
        f"{row.domain}/{row.metric}": row
        for row in evaluator.result().rows()
        if row.topic == "scene"
    }


def test_a_domain_of_one_class_is_reported_and_not_dropped() -> None:
    rows = one_domain([0] * 37, list(range(37)))
    for metric in ("auc", "calibration"):
        row = rows[f"home/{metric}"]
        assert (row.value, row.n) == (None, 37)
        assert row.note == "one class: 0 positives in 37 rows"
    assert rows["home/gauc_user"].value is None
    assert rows["home/gauc_user"].note == "none of 37 users has both classes"
    for metric in ("log_loss", "ece"):
        assert rows[f"home/{metric}"].value is not None
        assert rows[f"home/{metric}"].ci_low is not None


def test_a_domain_of_only_positives_has_a_calibration_but_no_auc() -> None:
    rows = one_domain([1] * 5, list(range(5)))
    assert rows["home/auc"].note == "one class: 5 positives in 5 rows"
    assert rows["home/calibration"].value == pytest.approx(0.35)


def test_a_domain_without_rows_is_reported() -> None:
    rows = one_domain([0, 1], [1, 2])
    for metric in ("auc", "log_loss", "calibration", "ece"):
        assert rows[f"work/{metric}"].to_dict()["value"] is None
        assert (rows[f"work/{metric}"].n, rows[f"work/{metric}"].note) == (0, "no rows")
    assert rows["work/gauc_user"].note == "none of 0 users has both classes"


def test_one_user_gives_a_value_without_an_interval() -> None:
    rows = one_domain([0, 1, 0, 1], [3, 3, 3, 3])
    for metric in ("auc", "log_loss", "calibration", "ece", "gauc_user"):
        row = rows[f"home/{metric}"]
        assert row.value is not None
        assert (row.ci_low, row.ci_high) == (None, None)
        assert "one user group" in (row.note or "")


def test_few_positives_tell_how_many_resamples_have_both_classes() -> None:
    rows = one_domain([0] * 40 + [1, 1], list(range(42)))
    note = rows["home/auc"].note or ""
    assert note.startswith("defined in ")
    assert note.endswith("of 1000 resamples")


def test_no_rows_at_all() -> None:
    rows = Evaluator([ScoreKey("m")], ["ctr"], {"scene": ("home",)}).result().rows()
    assert {row.domain for row in rows} == {"all", "home"}
    assert all(row.value is None and row.n == 0 for row in rows)


GOOD: Mapping[str, Any] = {
    "scores": {ScoreKey("m"): {"ctr": [0.5, 0.5]}},
    "labels": {"ctr": [0, 1]},
    "domains": {"scene": [0, 2]},
    "users": [1, 2],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": {ScoreKey("n"): {"ctr": [0.5, 0.5]}}}, "scores: expected those of .*'m'"),
        ({"scores": {ScoreKey("m"): {}}}, "no scores for task 'ctr'"),
        ({"scores": {ScoreKey("m"): {"ctr": [0.5, math.nan]}}}, "model='m'.* got nan at row 1"),
        ({"scores": {ScoreKey("m"): {"ctr": [0.5, 1.5]}}}, r"probability in \[0, 1\], got 1.5"),
        ({"scores": {ScoreKey("m"): {"ctr": [0.5]}}}, "expected 2 rows, got 1"),
        ({"labels": {"ctr": [0, 3]}}, "labels of 'ctr': expected 0 or 1, got 3 at row 1"),
        ({"labels": {"ctr": [0]}}, "labels of 'ctr': expected 2 rows"),
        ({"labels": {}}, r"labels: expected those of \['ctr'\], got \[\]"),
        ({"domains": {"scene": [0, 3]}}, "topic 'scene': expected 0..2, got 3 at row 1"),
        ({"domains": {"scene": [0.0, 1.0]}}, "expected integer ids, got float64"),
        ({"users": ["a", "b"]}, "users: expected integer ids"),
        ({"requests": [1, 2]}, "requests: expected no request ids"),
        ({"truth": {"ctr": [0.5, 0.5]}}, "truth: expected those of"),
    ],
)
def test_names_what_is_wrong_in_a_batch(change: Mapping[str, Any], message: str) -> None:
    evaluator = Evaluator([ScoreKey("m")], ["ctr"], {"scene": ("home", "work")})
    arguments = {**GOOD, **change}
    with pytest.raises(DataError, match=message):
        evaluator.update(arguments.pop("scores"), **arguments)


def test_takes_no_rows_after_the_result() -> None:
    evaluator = Evaluator([ScoreKey("m")], ["ctr"], {"scene": ("home", "work")})
    arguments = dict(GOOD)
    evaluator.update(arguments.pop("scores"), **arguments)
    evaluator.result()
    with pytest.raises(DataError, match="no rows can be added"):
        evaluator.update(GOOD["scores"], **arguments)
    with pytest.raises(DataError, match="can be called once"):
        evaluator.result()


def test_a_topic_may_have_scores_of_its_own(log: ClickLog, table: ScoreTable) -> None:
    """Kernels of topic scene score the scene cells; the other model is scored everywhere."""
    whole, scene = ScoreKey("adapted"), ScoreKey("kernels", "scene")
    plain = log.scores[ScoreKey("adapted")]
    evaluator = Evaluator(
        [whole, scene, ScoreKey("mixed"), ScoreKey("mixed", "period")],
        TASKS,
        TOPICS,
        bootstrap=ClusterBootstrap(50, 200),
    )
    other = log.scores[ScoreKey("popularity")]
    evaluator.update(
        {
            whole: plain,
            scene: plain,
            ScoreKey("mixed"): plain,
            ScoreKey("mixed", "period"): other,
        },
        labels=log.labels,
        domains=log.domains,
        users=log.users,
    )
    rows = evaluator.result().rows()
    value = {(r.model, r.task, r.topic, r.domain, r.metric): (r.value, r.ci_low) for r in rows}
    assert {r.topic for r in rows if r.model == "kernels"} == {"scene"}
    for (model, task, topic, domain, metric), found in value.items():
        if model == "kernels" or (model == "mixed" and topic != "period"):
            assert found == value["adapted", task, topic, domain, metric]
        if model == "mixed" and topic == "period":
            expected = table.estimate("popularity", task, Cell(topic, domain), metric)
            assert found[0] == pytest.approx(expected.value)

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.click_log import TASKS, TOPICS, ClickLog
from tfrec_mt.evaluation.cells import Cell, ScoreKey
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.evaluation.score_table import ScoreTable
from tfrec_mt.metrics import auc
from tfrec_mt.schema import SchemaError


@pytest.fixture(scope="module")
def table(log: ClickLog) -> ScoreTable:
    return log.feed(log.evaluator(), batch=1000).result()


def by_cell(rows: list[MetricRow]) -> dict[tuple[str, str, str], MetricRow]:
    return {(row.task, row.topic, row.domain): row for row in rows}


def test_a_lift_is_the_difference_of_two_aucs(log: ClickLog, table: ScoreTable) -> None:
    rows = table.lift("adapted", "zero_shot")
    found = by_cell(rows)
    assert len(found) == len(rows) == len(TASKS) * (1 + 2 + 3 + 1 + 1 + 1)
    for (task, topic, domain), row in found.items():
        assert (row.metric, row.model, row.reference) == ("auc_lift", "adapted", "zero_shot")
        if domain != "mean":
            inside = log.inside(Cell(topic, domain))
            y = log.labels[task][inside]
            new, old = (log.scores[ScoreKey(m)][task][inside] for m in ("adapted", "zero_shot"))
            assert row.value == pytest.approx(auc(y, new) - auc(y, old), abs=4e-4)
            assert row.n == inside.sum()


def test_a_paired_interval_is_narrower_than_either_model_s_own(table: ScoreTable) -> None:
    lift = by_cell(table.lift("adapted", "zero_shot"))["ctr", "all", "all"]
    own = table.estimate("adapted", "ctr", Cell("all", "all"), "auc").interval()
    assert lift.ci_low is not None and lift.ci_high is not None and own[0] and own[1]
    assert 0 < lift.ci_low < lift.ci_high
    assert lift.ci_high - lift.ci_low < own[1] - own[0]


def test_mean_lifts_weigh_domains_equally(table: ScoreTable) -> None:
    found = by_cell(table.lift("adapted", "zero_shot"))
    everything = []
    for topic, domains in TOPICS.items():
        values = [found["ctcvr", topic, domain].value or 0 for domain in domains]
        row = found["ctcvr", topic, "mean"]
        assert row.value == pytest.approx(np.mean(values))
        assert row.n == sum(found["ctcvr", topic, domain].n for domain in domains)
        assert row.note is None
        everything += values
    assert found["ctcvr", "all", "mean"].value == pytest.approx(np.mean(everything))
    assert found["ctcvr", "all", "mean"].note is None


def test_a_mean_leaves_out_what_is_not_defined_and_says_so(log: ClickLog) -> None:
    silent = {
        task: y & (log.domains["period"] != 2) for task, y in log.labels.items()
    }  # nobody clicks in the evening
    table = replace(log, labels=silent)
    found = by_cell(table.feed(table.evaluator(), batch=5000).result().lift("adapted", "zero_shot"))
    evening = found["ctr", "period", "evening"]
    assert (evening.value, evening.ci_low) == (None, None)
    assert (evening.note or "").startswith("one class: 0 positives in ")
    defined = [found["ctr", "period", domain] for domain in ("noon", "night")]
    row = found["ctr", "period", "mean"]
    assert row.value == pytest.approx(np.mean([r.value or 0 for r in defined]))
    assert row.note == "mean of 2 of 3 domains"
    assert row.n == sum(r.n for r in defined)


def test_oracle_share(log: ClickLog, table: ScoreTable) -> None:
    found = by_cell(table.oracle_share("adapted", "popularity"))
    cell = Cell("period", "night")
    inside = log.inside(cell)
    y = log.labels["ctr"][inside]
    value, base = (
        auc(y, log.scores[ScoreKey(model)]["ctr"][inside]) for model in ("adapted", "popularity")
    )
    best = auc(y, log.truth["ctr"][inside])
    row = found["ctr", "period", "night"]
    assert row.value == pytest.approx((value - base) / (best - base), abs=3e-3)
    assert row.reference == "popularity"
    assert row.value and row.ci_low and row.ci_high
    assert 0 < row.ci_low < row.value < row.ci_high
    share_of_itself = by_cell(table.oracle_share("popularity", "popularity"))
    assert share_of_itself["ctr", "all", "all"].value == 0


def test_there_is_no_share_of_a_lead_that_does_not_exist(log: ClickLog) -> None:
    swapped = replace(log, truth={t: log.scores[ScoreKey("popularity")][t] for t in TASKS})
    swapped.scores = {**log.scores, ScoreKey("good"): log.truth}
    rows = swapped.feed(swapped.evaluator(), batch=5000).result().oracle_share("adapted", "good")
    assert all(row.value is None and row.ci_low is None for row in rows)
    assert (rows[0].note or "").startswith("no lead to share: best 0.")


def test_reliability_is_the_curve_behind_the_calibration_error(
    log: ClickLog, table: ScoreTable
) -> None:
    curve = table.reliability("adapted", "ctr")
    assert sum(point.rows for point in curve) == log.users.size
    assert len(curve) == 10
    error = sum(point.rows * abs(point.predicted - point.actual) for point in curve)
    ece = table.estimate("adapted", "ctr", Cell("all", "all"), "ece").value
    assert error / log.users.size == pytest.approx(ece)
    of_topic = table.reliability("adapted", "ctr", "scene", bins=4)
    assert sum(point.rows for point in of_topic) == (log.domains["scene"] > 0).sum()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (("adapte", "ctr", Cell("all", "all"), "auc"), "did you mean 'adapted'"),
        (("adapted", "cvr", Cell("all", "all"), "auc"), "no scores for task 'cvr'"),
        (("adapted", "ctr", Cell("scene", "hom"), "auc"), "did you mean 'home'"),
        (("adapted", "ctr", Cell("all", "all"), "acu"), "did you mean 'auc'"),
    ],
)
def test_names_what_is_unknown(
    table: ScoreTable, place: tuple[str, str, Cell, str], message: str
) -> None:
    with pytest.raises(SchemaError, match=message):
        table.estimate(*place)


def test_the_oracle_beats_everybody(table: ScoreTable) -> None:
    for row in table.rows():
        assert row.oracle is not None and row.value is not None
        if row.metric == "auc" and row.domain == "all":
            assert row.value < row.oracle
        assert not math.isnan(row.value)

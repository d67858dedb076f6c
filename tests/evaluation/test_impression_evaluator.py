from typing import Any

import numpy as np
import pytest

from tfrec_mt.evaluation.cells import ALL, ORACLE, Cell, ScoreKey
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.impression_evaluator import RANDOM, ImpressionEvaluator
from tfrec_mt.evaluation.metric_row import MetricRow
from tfrec_mt.metrics import IMPRESSION_METRICS, impression_metrics
from tfrec_mt.schema import DataError, SchemaError

TOPICS = {"section": ("front", "sport")}
EVERYTHING = Cell(ALL, ALL)

GOOD, POOR = ScoreKey("good"), ScoreKey("poor")


def some(impressions: int = 600, seed: int = 0) -> dict[str, Any]:
    """Impressions whose truth is known; `good` knows most of it, `poor` little."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 12, impressions)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    logits = rng.normal(size=offsets[-1]) * 1.5 - 1.5
    truth = 1 / (1 + np.exp(-logits))
    return {
        "scores": {
            GOOD: logits + rng.normal(size=logits.size),
            POOR: logits + 4 * rng.normal(size=logits.size),
        },
        "clicked": rng.random(logits.size) < truth,
        "offsets": offsets,
        "users": rng.integers(0, 150, impressions),
        "domains": {"section": rng.integers(0, 3, impressions)},
        "truth": truth,
    }


def evaluated(data: dict[str, Any], **changes: Any) -> ImpressionEvaluator:
    evaluator = ImpressionEvaluator([GOOD, POOR], TOPICS, truth=True, **changes)
    evaluator.add(**data)
    return evaluator


def by_key(rows: list[MetricRow]) -> dict[tuple[str, str, str], MetricRow]:
    return {(row.model, row.domain, row.metric): row for row in rows}


def test_values_are_means_over_impressions_where_they_are_defined() -> None:
    data = some()
    rows = by_key(evaluated(data).rows())
    values = impression_metrics(data["clicked"], data["scores"][GOOD], data["offsets"])
    for metric in IMPRESSION_METRICS:
        row = rows["good", ALL, metric]
        assert row.value == pytest.approx(np.nanmean(values[metric]), abs=1e-12)
        assert row.n == 600
        assert row.note == f"{np.isfinite(values[metric]).sum()} of 600 impressions"
        front = data["domains"]["section"] == 1
        row = rows["good", "front", metric]
        assert row.value == pytest.approx(np.nanmean(values[metric][front]), abs=1e-12)
        assert row.n == front.sum()
        assert row.oracle == rows[ORACLE, "front", metric].value


def test_batches_add_up_to_the_whole() -> None:
    data = some()
    together = evaluated(data).rows()
    pieces = ImpressionEvaluator([GOOD, POOR], TOPICS, truth=True)
    for first, end in ((0, 200), (200, 201), (201, 600)):
        a, b = data["offsets"][[first, end]]
        pieces.add(
            {name: values[a:b] for name, values in data["scores"].items()},
            data["clicked"][a:b],
            data["offsets"][first : end + 1] - a,
            data["users"][first:end],
            {"section": data["domains"]["section"][first:end]},
            data["truth"][a:b],
        )
    for one, other in zip(together, pieces.rows(), strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-12)
        assert one.ci_low == pytest.approx(other.ci_low, abs=1e-12)
        assert one.note == other.note


def test_random_is_half_and_nothing_beats_the_oracle_by_much() -> None:
    evaluator = evaluated(some(4_000))
    auc = {m: evaluator.estimate(m, "ctr", EVERYTHING, "auc").value for m in evaluator.models}
    assert auc[RANDOM] == 0.5
    assert auc[RANDOM] < auc["poor"] < auc["good"] < auc[ORACLE]
    shares = by_key(evaluator.oracle_share("good", RANDOM))
    share = shares["good", ALL, "auc_oracle_share"]
    assert share.value == pytest.approx((auc["good"] - 0.5) / (auc[ORACLE] - 0.5))
    assert share.reference == RANDOM
    assert share.ci_low is not None and share.ci_low < (share.value or 0)


def test_paired_differences_are_narrower_than_unpaired_ones() -> None:
    data = some(3_000)
    rng = np.random.default_rng(9)
    data["scores"][POOR] = data["scores"][GOOD] + 0.3 * rng.normal(size=data["truth"].size)
    evaluator = evaluated(data)
    lift = by_key(evaluator.lift("good", "poor"))["good", ALL, "auc_lift"]
    good, poor = (evaluator.estimate(m, "ctr", EVERYTHING, "auc") for m in ("good", "poor"))
    assert lift.value == pytest.approx(good.value - poor.value)
    assert lift.ci_low is not None and lift.ci_high is not None
    low, high = good.interval()
    assert low is not None and high is not None
    assert lift.ci_high - lift.ci_low < 0.6 * (high - low)


def test_intervals_resample_users() -> None:
    """A world in which users differ and their impressions do not: rows would be too sure."""
    users = np.repeat(np.arange(50), 40)
    right = np.random.default_rng(0).random(50) < 0.5
    scores = np.stack([right[users], ~right[users]], axis=1).ravel() * 1.0
    clicked = np.tile([1, 0], len(users))
    evaluator = ImpressionEvaluator(
        [ScoreKey("model")], {}, truth=False, bootstrap=ClusterBootstrap(500)
    )
    evaluator.add({ScoreKey("model"): scores}, clicked, np.arange(len(users) + 1) * 2, users, {})
    row = evaluator.rows()[0]
    assert row.ci_low is not None and row.ci_high is not None
    # 1.96 * sqrt(.25 / 50) to either side, where rows would give .022
    assert 0.08 < (row.ci_high - row.ci_low) / 2 < 0.2


def test_an_empty_cell_is_said_to_be_empty() -> None:
    data = some(50)
    data["domains"]["section"][:] = 1
    row = by_key(evaluated(data).rows())["good", "sport", "auc"]
    assert (row.value, row.ci_low, row.n, row.note) == (None, None, 0, "0 of 0 impressions")


def test_names_that_are_taken() -> None:
    for name in (RANDOM, ORACLE):
        with pytest.raises(SchemaError, match=name):
            ImpressionEvaluator([ScoreKey(name)], {}, truth=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": {GOOD: []}}, "expected keys"),
        ({"truth": None}, "expected probabilities, got none"),
        ({"domains": {}}, "'section' is missing"),
        ({"domains": {"section": np.full(600, 3)}}, "topic 'section': expected 0..2, got 3"),
        ({"users": np.zeros(3, int)}, "users: expected 600 rows, got 3"),
        ({"users": np.zeros(600)}, "users: expected integer ids, got float64"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluated({**some(), **change})


def test_unknown_names() -> None:
    evaluator = evaluated(some(50))
    for model, cell, metric in (
        ("goot", EVERYTHING, "auc"),
        ("good", Cell("section", "frond"), "auc"),
        ("good", EVERYTHING, "auk"),
    ):
        with pytest.raises(SchemaError):
            evaluator.estimate(model, "ctr", cell, metric)

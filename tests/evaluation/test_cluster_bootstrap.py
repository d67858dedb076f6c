import numpy as np
import pytest

from tests.evaluation.click_log import TASKS, TOPICS, ClickLog, click_log
from tfrec_mt.evaluation.cells import Cell, ScoreKey
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.evaluator import Evaluator
from tfrec_mt.metrics import auc
from tfrec_mt.schema import SchemaError

EVERY_ROW = Cell("all", "all")


def test_replicates_equal_metrics_of_reweighted_rows(log: ClickLog) -> None:
    bootstrap = ClusterBootstrap(50, 200)
    table = log.feed(log.evaluator(bootstrap=bootstrap), batch=5000).result()
    cell = Cell("scene", "work")
    rows = log.inside(cell)
    group = bootstrap.group_of(log.users)[rows]
    y, p = log.labels["ctr"][rows], log.scores[ScoreKey("adapted")]["ctr"][rows].astype(float)
    loss = -np.where(y, np.log(p), np.log(1 - p))
    found = {
        metric: table.estimate("adapted", "ctr", cell, metric).replicates
        for metric in ("auc", "log_loss", "calibration")
    }
    spread = found["auc"].std()
    for replicate, weights in enumerate(bootstrap.weights):
        weight = weights[group]
        exact = auc(y, p, weight)
        assert found["auc"][replicate] == pytest.approx(exact, abs=0.05 * spread)
        assert found["log_loss"][replicate] == pytest.approx(np.average(loss, weights=weight))
        ratio = (weight @ p) / (weight @ y)
        assert found["calibration"][replicate] == pytest.approx(ratio, rel=1e-5)


def test_a_user_is_always_in_one_group_and_groups_are_even() -> None:
    bootstrap = ClusterBootstrap(groups=20, replicates=10)
    users = np.arange(-5000, 5000)
    group = bootstrap.group_of(users)
    assert (group == bootstrap.group_of(users[::-1])[::-1]).all()
    assert np.bincount(group, minlength=20).min() > 400
    assert (bootstrap.weights.sum(axis=1) == 20).all()


def test_intervals_are_as_wide_as_results_on_new_users_vary() -> None:
    """60 users of 40 rows each: resampling rows instead would come to 0.65 of the spread."""
    values, errors = [], []
    for seed in range(40):
        log = click_log(2400, 60, seed=100 + seed)
        table = log.feed(log.evaluator(bootstrap=ClusterBootstrap(200, 200)), batch=2400).result()
        estimate = table.estimate("adapted", "ctr", EVERY_ROW, "log_loss")
        values.append(estimate.value)
        errors.append(estimate.replicates.std())
    assert 0.8 < np.mean(errors) / np.std(values) < 1.5


def test_two_models_share_their_resamples(log: ClickLog) -> None:
    """A model compared with itself has no spread at all, whatever its own interval is."""
    twin = ScoreKey("twin")
    evaluator = Evaluator([twin, ScoreKey("adapted")], TASKS, TOPICS)
    scores = log.scores[ScoreKey("adapted")]
    evaluator.update(
        {twin: scores, ScoreKey("adapted"): scores},
        labels=log.labels,
        domains=log.domains,
        users=log.users,
    )
    for row in evaluator.result().lift("twin", "adapted"):
        assert (row.value, row.ci_low, row.ci_high) == (0, 0, 0)


@pytest.mark.parametrize(("groups", "replicates"), [(1, 100), (10, 1)])
def test_refuses_too_few(groups: int, replicates: int) -> None:
    with pytest.raises(SchemaError, match=f"got {groups} and {replicates}"):
        ClusterBootstrap(groups, replicates)

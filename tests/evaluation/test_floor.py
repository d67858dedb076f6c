"""Floors: what they know, and what is said of a model that knows less."""

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from tests.binaries import succeed
from tests.jobs import Job
from tests.shop import SHORT, TINY, shop_rows, shop_schema
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.evaluation.below_floors import below_sentences
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.floor import Floor

USERS, ITEMS, ROWS = 80, 30, 6_000


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    """Clicks that a user's and an item's bias explain; one user and item are in no training row."""
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, USERS, ROWS), rng.integers(0, ITEMS, ROWS)
    days = np.sort(rng.integers(0, 8, ROWS))
    late = days == 7
    users[late & (users == 1)], users[~late & (users == 0)] = 0, 1
    logits = -0.5 + rng.normal(size=USERS)[users] + rng.normal(size=ITEMS)[items]
    clicks = rng.random(ROWS) < 1 / (1 + np.exp(-logits))
    frame = pl.DataFrame(
        {
            "user": [f"u{x}" for x in users],
            "item": [f"i{x}" for x in items],
            "scene": np.array(["home", "work"])[rng.integers(0, 2, ROWS)],
            "time": 1_700_000_000 + days * 86_400 + np.arange(ROWS) % 80_000,
            "clicked": clicks.astype(np.int64),
        }
    )
    schema = mt.Schema.infer(
        frame, user="user", item="item", time="time", tasks=["clicked"], topics=["scene"]
    )
    folder = tmp_path_factory.mktemp("floor") / "data"
    return mt.prepare(frame, schema, folder, split="days", split_parts="train:6,fresh:1,test:1")


@pytest.fixture(scope="module")
def unlearned(log: PreparedDataset, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    base = mt.pretrain(
        log, tmp_path_factory.mktemp("floor") / "base", start="random", epochs=1, learning_rate=1e-7
    )
    return mt.evaluate(base, log)


def test_a_floor_knows_users_items_and_domains(log: PreparedDataset) -> None:
    from sklearn.metrics import roc_auc_score

    floor = Floor(log, ["train"])
    batch = next(scan(log, "test", ROWS))
    found = floor(batch)["ctr"]
    assert found.shape == batch.labels["ctr"].shape
    assert roc_auc_score(batch.labels["ctr"], found) > 0.7
    counts = np.bincount(
        np.concatenate([shard["keys/user"].read() for shard in log.shards("train")]),
        minlength=USERS,
    )
    new = counts[batch.keys["user"]] == 0
    assert new.any()
    items, scenes = batch.features["item"][new], batch.features["scene"][new]
    for item in np.unique(items):
        for scene in (1, 2):
            same = found[new][(items == item) & (scenes == scene)]
            assert len(np.unique(same)) <= 1


def test_a_model_that_has_learned_nothing_is_said_to_be_below(unlearned: Evaluation) -> None:
    first, *_, advice = below_sentences(unlearned.below)
    assert first.startswith("zero_shot is below floor in ctr: auc 0.")
    assert "log loss" in first and "beyond the 95% interval" in first
    assert "validation" in advice
    assert str(unlearned).startswith(first)
    assert first in unlearned._repr_html_()


def test_the_advice_names_what_was_not_done(unlearned: Evaluation, log: PreparedDataset) -> None:
    advice = below_sentences(unlearned.below)[-1]
    assert "logistic regression on user, item and domains" in advice
    for setting in ("epochs", "start", "learning_rate"):
        assert f"`{setting}`" in advice
    assert "history" not in advice and log.schema.history is not None


def test_a_log_without_a_history_is_advised_to_have_one(tmp_path: Path) -> None:
    rows = shop_rows()
    schema = dataclasses.replace(shop_schema(rows), history=None)
    log = mt.prepare(rows, schema, tmp_path / "data")
    mt.pretrain(log, tmp_path / "base", **SHORT | {"learning_rate": 1e-7})
    folders = (f"--{name}={tmp_path / name}" for name in ("data", "base"))
    first, *lines = succeed("evaluate", *folders, f"--output={tmp_path / 'found'}").splitlines()
    assert first.startswith("zero_shot is below floor in ctr: auc 0.")
    advice = next(line for line in lines if line.startswith("A floor is"))
    assert "a history in the schema, as `Schema.infer` proposes it" in advice


def test_what_was_spoilt_behind_a_base_has_an_advice_of_its_own(
    log: PreparedDataset, tmp_path: Path
) -> None:
    base = mt.pretrain(log, tmp_path / "base", **TINY)
    spoilt = mt.pretrain(
        log, tmp_path / "spoilt", init_from=base, parts="fresh", epochs=4, learning_rate=0.5
    )
    assert mt.evaluate(base, log).below == ()
    *found, advice = below_sentences(mt.evaluate(base, log, control=spoilt).below)
    assert all(told.startswith("control is below fresh_floor in ctr: ") for told in found)
    assert len(found) == 1
    assert advice.startswith("The base is above its floor") and "`memory=auto`" in advice


def test_a_report_begins_with_it(unlearned: Evaluation, tmp_path: Path) -> None:
    unlearned.save(tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.index("zero_shot is below floor") < page.index("<table ")


def test_floors_have_the_rows_of_what_they_stand_beside(job: Job) -> None:
    alone = mt.evaluate(job.base, job.data)
    assert {"floor"} == {row.model for row in alone.metrics if "floor" in row.model}
    behind = mt.evaluate(job.kernels, job.data, base=job.base)
    assert {"floor", "fresh_floor"} == {r.model for r in behind.metrics if "floor" in r.model}
    values = {
        (row.model, row.metric): row.value
        for row in behind.metrics
        if (row.task, row.topic, row.reference) == ("ctr", "all", None)
    }
    expected = Floor(PreparedDataset(job.data), ["train", "fresh"])
    dataset = PreparedDataset(job.data)
    batch = next(scan(dataset, "test", dataset.rows("test")))
    scores, labels = expected(batch)["ctr"].astype(np.float64), batch.labels["ctr"]
    loss = -np.mean(np.where(labels == 1, np.log(scores), np.log(1 - scores)))
    assert values["fresh_floor", "log_loss"] == pytest.approx(loss, abs=1e-3)

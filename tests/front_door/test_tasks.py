"""A log with a click, a like that is seldom asked for, an order and seconds of watching."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

import tfrec_mt as mt
from tfrec_mt.data.reading.tf_examples import write_examples
from tfrec_mt.losses.multi_task_loss import multi_task_loss
from tfrec_mt.models.catalog import RANKING_MODELS

TASKS = ("click", "like", "order", "seconds")
SMALL: dict[str, Any] = {"embedding_width": 4, "units": (8, 4), "heads": 2, "head_width": 4}
TOLD = ("star", "pepnet", "m2m")  # models that are told a row's domains


def watched(rows: int = 4_000, seed: int = 0) -> pl.DataFrame:
    """Rows of two markets; likes are asked for on a tenth, seconds are of clicks alone."""
    rng = np.random.default_rng(seed)
    user, item, german = (
        rng.integers(0, 60, rows),
        rng.integers(0, 40, rows),
        rng.random(rows) < 0.4,
    )
    liked = np.where(german, item % 4 == 1, item % 4 == 2)
    click = rng.random(rows) < 0.2 + 0.4 * liked
    seconds = np.exp(rng.normal(2.0 + 0.8 * liked + 0.05 * (item % 7), 0.4, rows))
    return pl.DataFrame(
        {
            "uid": user + 1_000,
            "iid": item,
            "market": np.where(german, "de", "us"),
            "ts": 1_700_000_000 + np.sort(rng.integers(0, 8 * 86_400, rows)),
            "click": click.astype(int),
            "like": np.where(rng.random(rows) < 0.1, (click & liked).astype(float), np.nan),
            "order": (click & (rng.random(rows) < 0.4)).astype(int),
            "seconds": np.where(click, seconds, np.nan),
        }
    )


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> mt.PreparedDataset:
    rows = watched()
    schema = mt.Schema.infer(
        rows,
        user="uid",
        item="iid",
        time="ts",
        tasks=[
            "click",
            "like",
            mt.Task("order", within="click"),
            mt.Task("seconds", kind="regression", loss="squared_log"),
        ],
        topics=["market"],
        verbose=False,
    )
    assert schema.task_names == TASKS
    return mt.prepare(rows, schema, Path(tmp_path_factory.mktemp("watched")) / "data", split="days")


def test_labels_are_stored_as_they_were(log: mt.PreparedDataset) -> None:
    seconds = log.schema.tasks[3]
    whole = watched().filter(pl.col("seconds").is_not_nan())["seconds"].log1p()
    assert abs(seconds.mean - whole.to_numpy().mean()) < 0.1 and 0.3 < seconds.std < 1.0
    known = dict.fromkeys(TASKS, 0)
    rows = 0
    for part in log.parts:
        for _, labels in log.batches(part, batch_size=512):
            rows += len(labels["click"])
            for task in TASKS:
                known[task] += int(np.isfinite(labels[task].numpy()).sum())
    assert known["click"] == known["order"] == rows == 4_000
    assert known["like"] == watched()["like"].is_not_nan().sum()
    assert known["seconds"] == watched()["click"].sum()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("esmm", "mmoe", "star") else pytest.mark.slow)
        for name in RANKING_MODELS
    ],
)
def test_every_model_predicts_all_of_it(log: mt.PreparedDataset, name: str) -> None:
    topics: dict[str, Any] = {"base_topics": ("market",)} if name in TOLD else {}
    model = RANKING_MODELS[name](log.schema, **SMALL, **topics)
    features, _ = next(iter(log.batches("train", batch_size=256)))
    model.compile("adam")
    before = [weight.numpy() for weight in model.trainable_weights]
    history = model.fit(log.batches("train", batch_size=256).take(3), shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"][0])
    assert any(np.any(w.numpy() != b) for w, b in zip(model.trainable_weights, before, strict=True))
    found = {task: values.numpy()[:, 0] for task, values in model(features).items()}
    assert tuple(found) == TASKS
    for task in TASKS[:3]:
        assert ((found[task] > 0) & (found[task] < 1)).all()
    if model.chained:
        assert (found["order"] <= found["click"]).all()
    assert (found["seconds"] > -1).all() and found["seconds"].max() > 1


@pytest.mark.slow
def test_the_whole_job(log: mt.PreparedDataset, tmp_path: Path) -> None:
    base = mt.pretrain(
        log, tmp_path / "base", model="mmoe", batch_size=64, task_weights={"like": 0.5}, **SMALL
    )
    model = mt.fine_tune(base, log, tmp_path / "kernels", batch_size=64, certainty=0.0)
    report = mt.evaluate(model, output=tmp_path / "evaluation")
    rows = {(r.model, r.task, r.topic, r.domain, r.metric): r for r in report.metrics}
    for metric in ("rmse", "mae", "calibration"):
        found = rows["zero_shot", "seconds", "all", "all", metric]
        assert found.value is not None and found.value > 0 and found.ci_low is not None
    _assert_errors_are_those_of_the_rows(log, base, rows)
    assert rows["adapted", "seconds", "market", "de", "rmse_lift"].reference == "zero_shot"
    tenths = [r for r in report.metrics if r.metric.startswith("decile_") and r.model == "adapted"]
    assert (
        len(tenths) == 20
        and sum(r.n for r in tenths) == 2 * rows["adapted", "seconds", "all", "all", "rmse"].n
    )
    assert (
        rows["adapted", "like", "all", "all", "auc"].n
        < rows["adapted", "click", "all", "all", "auc"].n
    )
    assert "RMSE, task seconds" in str(report)
    page = (tmp_path / "evaluation" / "report.html").read_text()
    assert "seconds" in page
    assert {"rmse", "auc"} <= set(report.rows["metric"])
    version = mt.export(model, tmp_path / "export", metrics=report)
    requests = log.requests().head(20)
    card = (version / "assets.extra" / "model_card.md").read_text()
    assert "the probability of `click`, the probability of `like`, " in card
    assert "the probability of `order` and the predicted `seconds`." in card
    scored = mt.load_export(version).score(requests)
    assert set(TASKS) <= set(scored.columns)
    assert np.isfinite(scored.select(TASKS).to_numpy()).all()


def test_a_row_without_a_label_has_no_part_in_what_is_learned(log: mt.PreparedDataset) -> None:
    model = RANKING_MODELS["shared_bottom"](log.schema, **SMALL)
    features, labels = next(iter(log.batches("train", batch_size=256)))
    known = np.isfinite(labels["like"].numpy())
    assert 0 < known.sum() < known.size
    others = {n: tf.where(known, v, tf.zeros_like(v)) for n, v in features.items() if v.ndim == 1}
    assert any(np.any(v.numpy() != features[n].numpy()) for n, v in others.items())
    task = (log.schema.tasks[1],)

    def gradients(given: Any, of: Any) -> list[np.ndarray]:
        with tf.GradientTape() as tape:
            loss, _ = multi_task_loss(model(given, training=False), of, task)
        found = tape.gradient(loss, [w.value for w in model.trainable_weights])
        return [tf.convert_to_tensor(g).numpy() for g in found if g is not None]

    whole = gradients(features, labels)
    assert any(np.any(gradient) for gradient in whole)
    changed = gradients({**features, **others}, labels)
    without = gradients(
        {n: tf.boolean_mask(v, known) for n, v in features.items()},
        {n: tf.boolean_mask(v, known) for n, v in labels.items()},
    )
    for expected, *found in zip(whole, changed, without, strict=True):
        for gradient in found:
            np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-7)


def _assert_errors_are_those_of_the_rows(
    log: mt.PreparedDataset, base: Any, rows: dict[Any, Any]
) -> None:
    errors = []
    for features, labels in log.batches("test", batch_size=512):
        known = np.isfinite(labels["seconds"].numpy())
        predicted = base(features)["seconds"].numpy()[:, 0]
        errors.append((predicted - labels["seconds"].numpy())[known])
    whole = np.concatenate(errors)
    for metric, expected in (("rmse", np.sqrt(np.mean(whole**2))), ("mae", np.abs(whole).mean())):
        found = rows["zero_shot", "seconds", "all", "all", metric]
        assert found.n == len(whole)
        np.testing.assert_allclose(found.value, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([mt.Task("a", label="click"), mt.Task("a", label="order")], "expected distinct names"),
        (["click", mt.Task("order", within="clik")], "within 'clik', which is no task; did you me"),
        (["seconds"], "label 'seconds', row .*: expected 0, 1 or null, got"),
        ([mt.Task("market", kind="regression")], "expected a number or null, got 'us'|got 'de'"),
        (["click", mt.Task("seconds", within="click", kind="binary")], "expected 0, 1 or null"),
    ],
)
def test_tasks_that_cannot_be(tasks: Any, message: str) -> None:
    with pytest.raises(mt.SchemaError, match=message):
        mt.Schema.infer(watched(200), user="uid", item="iid", tasks=tasks, verbose=False)


def test_a_task_that_is_weighted_and_is_not_there(log: mt.PreparedDataset, tmp_path: Path) -> None:
    with pytest.raises(mt.SchemaError, match="task_weights: no task 'likes'; did you mean 'like'"):
        mt.pretrain(log, tmp_path / "run", model="mmoe", task_weights={"likes": 2.0}, **SMALL)
    assert not (tmp_path / "run").exists()


def test_missing_labels_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    rows = watched(2_000).with_columns(
        order=pl.when(pl.col("click") == 1).then(pl.col("order")).otherwise(None)
    )
    schema = mt.Schema.infer(
        rows,
        user="uid",
        item="iid",
        time="ts",
        tasks=["click", mt.Task("order", within="click")],
        verbose=False,
    )
    with caplog.at_level("WARNING"):
        mt.prepare(rows, schema, tmp_path / "data", split="days")
    said = " ".join(record.getMessage() for record in caplog.records)
    assert "task ctcvr:" in said and "of the rows have no label" in said
    assert "no row without ctr has a label" in said


def test_examples_refuse_a_task_that_is_named_as_a_feature(tmp_path: Path) -> None:
    rows = watched(1_000)
    tasks: list[str | mt.Task] = [mt.Task("iid", label="click"), "order"]
    schema = mt.Schema.infer(rows, user="uid", item="iid", time="ts", tasks=tasks, verbose=False)
    data = mt.prepare(rows, schema, tmp_path / "data", split="days")
    with pytest.raises(mt.SchemaError, match=r"\['iid'\] name both a task and a feature"):
        write_examples(data, "train", tmp_path / "examples")
    assert not (tmp_path / "examples").exists()


def test_a_task_of_one_class_is_validated_by_its_loss(
    log: mt.PreparedDataset, tmp_path: Path
) -> None:
    rows = watched().with_columns(like=pl.col("like") * 0)
    never = mt.prepare(rows, log.schema, tmp_path / "data", split="days")
    mt.pretrain(
        never, tmp_path / "base", model="esmm", validation="test", patience=1, epochs=2, **SMALL
    )
    assert "validation" in (tmp_path / "base" / "log.jsonl").read_text()

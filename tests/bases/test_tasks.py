"""Regressions and labels that are not there, behind models from elsewhere."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from tests.worlds import randomise
from tfrec_mt.errors import DataError, SchemaError

TOPICS = {"market": ("de", "us")}
SECONDS = mt.Task("seconds", kind="regression", loss="absolute", std=2.0)


def _rows(count: int = 4000) -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, 4)).astype(np.float32)
    market = rng.choice(["de", "us", "fr"], count)
    shift = np.where(market == "de", 3.0, np.where(market == "us", -3.0, 0.0))
    clicks = (rng.random(count) < 0.5).astype(np.float32)
    clicks[rng.random(count) < 0.5] = np.nan
    seconds = (10 + x[:, 0] + shift + rng.normal(size=count)).astype(np.float32)
    return {"x": x, "market": market}, {"ctr": clicks, "seconds": seconds}


def _base() -> mt.KerasBase:
    keras.utils.set_random_seed(0)
    x = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(6, activation="tanh")(x)
    logit = keras.layers.Dense(1, name="logit")(hidden)
    ten = keras.initializers.Constant(10)
    seconds = keras.layers.Dense(1, name="seconds", bias_initializer=ten)(hidden)
    outputs = {"ctr": keras.layers.Activation("sigmoid")(logit), "seconds": seconds}
    heads = {"ctr": "logit", "seconds": "seconds"}
    return mt.KerasBase(keras.Model(x, outputs), heads, tasks=["ctr", SECONDS])


def _table(model: str = "") -> mt.KnowledgeTable:
    features, labels = _rows()
    columns = {"h": features["x"], "market": features["market"], **labels}
    columns |= {"z": np.zeros(4000, np.float32), "value": np.full(4000, 10, np.float32)}
    return mt.KnowledgeTable(
        columns,
        logits={"ctr": "z", "seconds": "value"},
        labels={"ctr": "ctr", "seconds": "seconds"},
        topics=TOPICS,
        model=model,
        tasks=[SECONDS],
    )


@pytest.mark.parametrize("kind", ["keras", "table"])
def test_kernels_learn_a_number(kind: str, tmp_path: Path) -> None:
    table = _table()
    base, rows = (_base(), _rows()) if kind == "keras" else (table.base, table)
    model = mt.attach(base, mt.IAK(width=8), TOPICS)
    trained = mt.fine_tune(model, rows, tmp_path / "run", epochs=20, learning_rate=0.01)
    report = mt.evaluate(trained, rows)
    lifts = report.table.filter(task="seconds", topic="market", domain="mean")
    assert lifts["ci_low"].item() > 0.2
    mt.export(trained, tmp_path / "export")
    given = _rows()[0] if kind == "keras" else {n: x for n, x in table._rows.items()}
    served = mt.load_export(tmp_path / "export").score(
        pl.DataFrame({n: x if x.ndim == 1 else [*map(list, x)] for n, x in given.items()})
    )
    expected = trained(given)["seconds"].numpy()[:, 0]
    np.testing.assert_allclose(served["seconds"].to_numpy(), expected, rtol=1e-5)
    assert abs(served["seconds"].mean() - 10) < 1


def test_a_row_without_a_label_changes_nothing(tmp_path: Path) -> None:
    """Not even when it has another value of another task's label that is not there either."""
    features, labels = _rows()
    nobody = {task: np.full_like(values, np.nan) for task, values in labels.items()}
    trained = mt.fine_tune(
        mt.attach(_base(), mt.IAK(width=4), TOPICS), (features, nobody), tmp_path / "run"
    )
    plain = trained.base.knowledge(features)
    for task, rows in trained.knowledge(features).items():
        np.testing.assert_array_equal(rows, plain[task])


def test_null_is_no_label_in_a_frame() -> None:
    features, labels = _rows()
    frame = pl.DataFrame(
        {"x": [*map(list, features["x"])], "market": features["market"]}
        | {task: pl.Series(values).fill_nan(None) for task, values in labels.items()}
    )
    model = mt.attach(_base(), mt.IAK(width=4), TOPICS)
    randomise(model.kernels[0])
    found, expected = mt.evaluate(model, frame), mt.evaluate(model, (features, labels))
    assert found.table.equals(expected.table)
    counted = found.table.filter(task="ctr", topic="all", domain="all")["n"].item()
    assert counted == np.isfinite(labels["ctr"]).sum() < len(labels["ctr"])


@pytest.mark.parametrize(
    "values, said",
    [
        ({"ctr": 2.0}, "label of 'ctr': expected 0, 1 or null, got 2 in row 4"),
        ({"seconds": np.inf}, "label of 'seconds': expected a finite number or null, got inf in"),
    ],
)
def test_labels_of_another_kind(values: dict[str, float], said: str) -> None:
    features, labels = _rows()
    for task, value in values.items():
        labels[task][3] = value
    with pytest.raises(DataError, match=said):
        mt.evaluate(mt.attach(_base(), mt.IAK(width=4), TOPICS), (features, labels))


def test_tasks_that_do_not_fit() -> None:
    base = _base()
    tasks = [mt.Task("ctr", within="click"), SECONDS]
    with pytest.raises(SchemaError, match="task 'ctr' is within 'click', which is no task"):
        mt.KerasBase(base.model, base.heads, tasks=tasks)
    with pytest.raises(SchemaError, match="tasks: 'watch' has no logit"):
        mt.KnowledgeTable(
            {"h": np.zeros((2, 3), np.float32), "z": np.zeros(2, np.float32)},
            tasks=[mt.Task("watch", kind="regression")],
        )

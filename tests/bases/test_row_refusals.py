"""Rows and runs of own bases that cannot be: each is refused in a sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

import tfrec_mt as mt
from tests.bases.own_models import keras_model
from tfrec_mt.adapters.kernel_store import KernelStoreError
from tfrec_mt.bases import IAK, attach
from tfrec_mt.errors import DataError, SchemaError
from tfrec_mt.training.run_folder import RunFolderError

TOPICS = {"market": ("us", "de")}


def _frame(**change: Any) -> pl.DataFrame:
    rows: dict[str, Any] = {
        n: x.tolist() if x.ndim > 1 else x for n, x in keras_model("one_head").features.items()
    }
    rows |= {"ctr": np.zeros(len(rows["uid"]))} | change
    return pl.DataFrame({n: x for n, x in rows.items() if x is not None}, strict=False)


def _rows() -> tuple[dict[str, Any], dict[str, Any]]:
    own = keras_model("one_head")
    return own.features, own.labels


@pytest.mark.parametrize(
    ("data", "settings", "said"),
    [
        (
            lambda: _frame(market=None),
            {},
            "topics: the rows have no column 'market'; they have item, uid, user",
        ),
        (lambda: _frame(ctr=None), {}, "labels: the rows have no column 'ctr'; they have item, m"),
        (
            lambda: _frame(),
            {"labels": {"ctr": "click"}},
            "labels: the rows have no column 'click'; they have ctr, item, market, uid, user",
        ),
        (lambda: _frame(item=None), {}, "the rows have no column 'item'; they have market, uid"),
        (lambda: _frame(), {"user": "who"}, "users: the rows have no column 'who'; they have"),
        (lambda: _frame(uid=[None] * 3000), {}, "column 'uid': expected no nulls, got 3000"),
        (
            lambda: (_rows()[0], np.where(np.arange(3000) == 5, 0.5, 0)),
            {},
            "label of 'ctr': expected 0, 1 or null, got 0.5 in row 6",
        ),
        (
            lambda: (_rows()[0], {"click": np.zeros(3000)}),
            {},
            "labels: the rows have no column 'ctr'; they have click",
        ),
        (
            lambda: (_rows()[0], np.zeros(2999)),
            {},
            "column 'user': expected 2999 rows as in the labels, got 3000",
        ),
        (lambda: _rows()[0]["user"], {}, "expected batches .*, got ndarray"),
        (
            lambda: tf.data.Dataset.from_tensor_slices((*_rows(), np.ones(3000))).batch(9),
            {},
            "expected batches .*, got 3 parts",
        ),
        (lambda: ({}, np.zeros(0)), {}, "have no column 'market'; they have none|are no rows"),
    ],
)
def test_rows(data: Callable[[], Any], settings: dict[str, Any], said: str) -> None:
    model = attach(keras_model("one_head").base, IAK(4), TOPICS)
    with pytest.raises(DataError, match=said):
        mt.evaluate(model, data(), **settings)


def test_labels_of_several_tasks_in_one_array() -> None:
    own = keras_model("two_heads")
    with pytest.raises(DataError, match="labels: expected arrays by task, ctr, ctcvr, got one arr"):
        mt.evaluate(attach(own.base, IAK(4), TOPICS), (own.features, own.labels["ctr"]))


def test_runs(tmp_path: Path) -> None:
    own = keras_model("one_head")
    model = attach(own.base, IAK(4), TOPICS)
    with pytest.raises(SchemaError, match="no setting 'epoch'; did you mean 'epochs'"):
        mt.fine_tune(model, own.data, tmp_path / "run", epoch=2)
    with pytest.raises(DataError, match="at least one batch of 4000 rows, got 3000"):
        mt.fine_tune(model, own.data, tmp_path / "few", batch_size=4000)
    alone = attach(own.base, "memory", TOPICS)
    with pytest.raises(SchemaError, match="adapter='memory': the base reads no column of ids"):
        mt.fine_tune(alone, own.data, tmp_path / "few")
    mt.fine_tune(model, own.data, tmp_path / "run")
    with pytest.raises(RunFolderError, match="holds a finished run"):
        mt.fine_tune(model, own.data, tmp_path / "run")
    assert not (tmp_path / "few").exists()  # a refused run leaves nothing
    own.base.model.layers[-2].kernel.assign_add([[0.1]] * 6)  # type: ignore[attr-defined]
    with pytest.raises(KernelStoreError, match=r"trained behind base .*, it cannot be attached"):
        mt.load(tmp_path / "run", own.base)


def test_what_attach_has_chosen_is_not_chosen_again(tmp_path: Path) -> None:
    own = keras_model("one_head")
    model = attach(own.base, IAK(4), TOPICS)
    twice: dict[str, Any] = {"adapter": "lora", "topics": ["market"], "encoder_units": (8,)}
    for name, given in twice.items():
        with pytest.raises(SchemaError, match=f"{name}: expected none, `attach` has chosen"):
            mt.fine_tune(model, own.data, tmp_path / "run", **{name: given})
    with pytest.raises(SchemaError, match="max_items=3: expected none, it is for click logs"):
        mt.export(model, tmp_path / "export", max_items=3)
    with pytest.raises(SchemaError, match="precision='bfloat16': expected float32, the model"):
        mt.evaluate(model, own.data, precision="bfloat16")
    with pytest.raises(SchemaError, match="topics: expected the domains of at least one"):
        mt.fine_tune(own.base, own.data, tmp_path / "run")
    assert not [*tmp_path.iterdir()]

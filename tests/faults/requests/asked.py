"""An export whose numbers must, or need not, be there, and how its graph is asked."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

import tfrec_mt as mt
from tests.schemas import ids, log_schema
from tests.shop import TINY
from tests.worlds import randomise
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.schema import History, Keys, NumericFeature, Schema, Topic, click_tasks
from tfrec_mt.serving.input_checks import refusal

ROWS, NEAR = 24, 1e-6
ITEMS = {"iid", "kind", "price", "weight"}
TASKS = ("ctr", "ctcvr")
Rows = dict[str, np.ndarray]


def log_rows(rows: int = 1_200, seed: int = 3) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    clicked = rng.random(rows) < 0.4
    weight = np.round(rng.gamma(2.0, 2.0, rows), 2)
    return pl.DataFrame(
        {
            "uid": rng.integers(100, 140, rows),
            "iid": rng.integers(0, 30, rows),
            "kind": np.array(["food", "books", "tools"])[rng.integers(0, 3, rows)],
            "price": np.round(rng.lognormal(3.0, 0.5, rows), 2),
            "weight": pl.Series(np.where(rng.random(rows) < 0.1, np.nan, weight)).fill_nan(None),
            "hour": rng.integers(0, 24, rows).astype(float),
            "market": np.where(rng.random(rows) < 0.5, "de", "us"),
            "ts": 1_700_000_000 + np.sort(rng.integers(0, 9 * 86_400, rows)),
            "clicked": clicked.astype(int),
            "bought": (clicked & (rng.random(rows) < 0.5)).astype(int),
        }
    )


def schema() -> Schema:
    """Price and hour, which must be there, and a weight, which need not."""
    return log_schema(
        ids("uid", "user"),
        ids("iid"),
        ids("kind"),
        NumericFeature(name="price", side="item", buckets=None),
        NumericFeature(name="hour", side="context", buckets=4),
        NumericFeature(name="weight", side="item", buckets=None, missing="impute"),
        whole=["uid", "iid"],
        tasks=click_tasks("clicked", "bought"),
        keys=Keys(user="uid", item="iid", timestamp="ts"),
        history=History(elements=("iid", "kind"), short=5, time_gaps=True),
        topics=(Topic(name="market"),),
    )


def make_export(folder: Path) -> None:
    """Prepares data, and exports a base and kernels of random weights as the model `ranking`."""
    log = mt.prepare(log_rows(), schema(), folder / "data")
    base = mt.models.OnlineLargeRecommender(log.schema, **TINY)
    randomise(base, 1)
    kernels = IAK(
        "market", log.schema.topic("market").domains, base.knowledge_widths, encoder_units=(4,)
    )
    randomise(kernels, 2)
    mt.export(AdaptedModel(base, [kernels]), folder / "ranking", log)


def ask(loaded: Any, rows: Rows, signature: str = "serving_default") -> Rows:
    answer = loaded.signatures[signature](**{n: tf.constant(v) for n, v in rows.items()})
    return {name: values.numpy() for name, values in answer.items()}


def refused(loaded: Any, rows: Rows, *words: str, signature: str = "serving_default") -> str:
    """What the graph says against rows: one line that holds some words and names no node."""
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        ask(loaded, rows, signature)
    said = refusal(caught.value)
    assert "\n" not in said and "{{" not in said and "values[" not in said
    for word in words:
        assert word in said
    return said

"""From logits to predictions, task by task and along the chain."""

import keras
import numpy as np
import pytest

from tfrec_mt.models.ranking_model import outputs
from tfrec_mt.schema import Task, click_tasks

ROWS = 6
CHAIN = (
    Task("spent", "order", kind="regression", mean=20.0, std=5.0),
    Task("order", "click"),
    Task("click"),
    Task("seconds", kind="regression", loss="squared_log", mean=2.0, std=0.5),
)


def logits(*names: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(ROWS, 1)).astype(np.float32) for name in names}


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x.astype(np.float64))))


@pytest.mark.parametrize("chained", [False, True])
def test_a_chain_multiplies_every_outer_probability_in_any_order(chained: bool) -> None:
    z = logits("spent", "order", "click", "seconds")
    found = {name: np.asarray(value) for name, value in outputs(z, CHAIN, chained).items()}
    assert list(found) == [task.name for task in CHAIN]
    click = sigmoid(z["click"])
    order = sigmoid(z["order"]) * (click if chained else 1)
    spent = (20 + 5 * z["spent"]) * (order if chained else 1)
    np.testing.assert_allclose(found["click"], click, rtol=1e-6)
    np.testing.assert_allclose(found["order"], order, rtol=1e-6)
    np.testing.assert_allclose(found["spent"], spent, rtol=1e-5)
    np.testing.assert_allclose(found["seconds"], np.expm1(2 + 0.5 * z["seconds"]), rtol=1e-5)


def test_click_and_order_are_the_plain_product_to_the_bit() -> None:
    z = logits("ctr", "ctcvr")
    found = outputs(z, click_tasks("click", "order"), chained=True)
    click, order = (keras.ops.sigmoid(z[name]) for name in ("ctr", "ctcvr"))
    assert np.asarray(found["ctr"]).tobytes() == np.asarray(click).tobytes()
    assert np.asarray(found["ctcvr"]).tobytes() == np.asarray(click * order).tobytes()

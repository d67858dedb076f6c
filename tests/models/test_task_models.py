"""Models that differ in what tasks share, against numpy."""

from typing import Any

import numpy as np
import pytest

from tests.layers.longhand import dense_net
from tests.worlds import random_batch, small_model, small_schema, weights_by_path
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import SchemaError

ROWS = 10
TASKS = ("ctr", "ctcvr")


def _flat(model: RankingModel, features: Any) -> np.ndarray:
    return np.asarray(model.front_end(features).numpy(), np.float64)


def _logits(model: RankingModel, knowledge: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    found = {}
    for task, rows in knowledge.items():
        head = weights_by_path(model, f"{task}_logit")
        found[task] = rows @ head["kernel"] + head["bias"]
    return found


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


def _mixture(inputs: np.ndarray, kernel: np.ndarray, outputs: list[np.ndarray]) -> np.ndarray:
    gate = np.exp(inputs @ kernel)
    gate /= gate.sum(axis=1, keepdims=True)
    return np.asarray(sum(gate[:, [i]] * output for i, output in enumerate(outputs)))


def test_shared_bottom_has_one_net_and_a_logit_for_each_task() -> None:
    model = small_model("shared_bottom", small_schema())
    features, _ = random_batch(model.schema, ROWS)
    bottom = dense_net(_flat(model, features), weights_by_path(model, "bottom"))
    expected = _logits(model, dict.fromkeys(TASKS, bottom))
    for task, chances in model(features).items():
        np.testing.assert_allclose(chances.numpy(), _sigmoid(expected[task]), atol=1e-6)


def test_esmm_has_a_net_for_each_task_and_orders_go_through_clicks() -> None:
    model = small_model("esmm", small_schema())
    features, _ = random_batch(model.schema, ROWS)
    flat = _flat(model, features)
    nets = {task: dense_net(flat, weights_by_path(model, f"{task}_net")) for task in TASKS}
    ctr, cvr = (_sigmoid(logit) for logit in _logits(model, nets).values())
    found = model(features)
    np.testing.assert_allclose(found["ctr"].numpy(), ctr, atol=1e-6)
    np.testing.assert_allclose(found["ctcvr"].numpy(), ctr * cvr, atol=1e-6)


@pytest.mark.parametrize("levels", [1, 2])
def test_ple_mixes_own_and_shared_experts_level_by_level(levels: int) -> None:
    model = small_model("ple", small_schema(), experts=2, levels=levels)
    features, _ = random_batch(model.schema, ROWS)
    names = (*TASKS, "shared")
    inputs = dict.fromkeys(names, _flat(model, features))
    for level in range(levels):
        outputs = {
            name: [
                dense_net(inputs[name], weights_by_path(model, f"level_{level}/{name}_expert_{e}"))
                for e in range(2)
            ]
            for name in names
        }
        seen = {
            **{task: outputs[task] + outputs["shared"] for task in TASKS},
            "shared": [output for name in names for output in outputs[name]],
        }
        inputs = {
            name: _mixture(
                inputs[name],
                weights_by_path(model, f"level_{level}/{name}_gate")["kernel"],
                seen[name],
            )
            for name in (names if level < levels - 1 else TASKS)
        }
    expected = _logits(model, inputs)
    for task, chances in model(features).items():
        np.testing.assert_allclose(chances.numpy(), _sigmoid(expected[task]), atol=1e-6)


def test_ple_has_at_most_a_level_for_each_layer() -> None:
    assert [e.units for e in small_model("ple", small_schema(), units=(9, 7, 5)).extractions] == [
        (9, 7),
        (5,),
    ]
    with pytest.raises(SchemaError, match=r"levels must be from 1 to .* layers, 2, got 3"):
        small_model("ple", small_schema(), levels=3)

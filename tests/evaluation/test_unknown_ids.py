"""Rows of users and items that no training row had are measured apart."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.worlds import small_schema
from tfrec_mt.evaluation.cells import ALL, Cell, ScoreKey
from tfrec_mt.evaluation.evaluator import Evaluator
from tfrec_mt.evaluation.table import format_metrics
from tfrec_mt.evaluation.unknown_ids import UnknownIds
from tfrec_mt.schema import SchemaError

USER = "user_id/unknown"


def test_codes_of_unknown_ids_lie_between_missing_and_known_ones() -> None:
    unknown = UnknownIds(small_schema())  # of items there are three rows of unknown ids
    codes = np.array([0, 1, 2, 3, 4, 9], np.int32)
    found = unknown.codes({"user_id": codes, "item_id": codes, "cuisine": codes})
    assert list(found) == list(unknown.topics) == [USER, "item_id/unknown"]
    assert found[USER].tolist() == [0, 1, 0, 0, 0, 0]
    assert found["item_id/unknown"].tolist() == [0, 1, 1, 1, 0, 0]


def test_where_an_id_is_no_feature_it_cannot_be_unknown() -> None:
    schema = small_schema()
    fewer = tuple(feature for feature in schema.features if feature.name != "user_id")
    assert list(UnknownIds(dataclasses.replace(schema, features=fewer)).topics) == [
        "item_id/unknown"
    ]


def _evaluator(unknown: np.ndarray) -> tuple[Evaluator, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 400).astype(np.float32)
    scores = np.clip(draw.random(400) * 0.8 + 0.2 * labels, 0, 1).astype(np.float32)
    topics, apart = {"scene": ("home", "work")}, {USER: ("unknown",)}
    evaluator = Evaluator(
        [ScoreKey("zero_shot"), ScoreKey("adapted")], ["ctr"], topics, apart=apart
    )
    evaluator.update(
        {ScoreKey("zero_shot"): {"ctr": scores}, ScoreKey("adapted"): {"ctr": labels * 0.5 + 0.2}},
        labels={"ctr": labels},
        domains={"scene": np.arange(400) % 3, USER: unknown},
        users=np.arange(400) // 4,
    )
    return evaluator, labels, scores


def test_models_are_measured_on_them_and_compared_elsewhere() -> None:
    unknown = (np.arange(400) % 5 == 0).astype(np.int32)
    evaluator, labels, scores = _evaluator(unknown)
    table = evaluator.result()
    found = table.estimate("zero_shot", "ctr", Cell(USER, "unknown"), "auc").value
    chosen = unknown == 1
    assert found == pytest.approx(roc_auc_score(labels[chosen], scores[chosen]), abs=2e-3)
    assert {row.topic for row in table.lift("adapted", "zero_shot")} == {ALL, "scene"}
    text = format_metrics(table.rows(), "ctr")
    assert "80 rows of an unknown user_id, task ctr\nmodel" in text
    assert f"{found:.4f}" in text.split("80 rows")[1]


def test_nothing_is_said_where_all_are_known() -> None:
    evaluator, _, _ = _evaluator(np.zeros(400, np.int32))
    assert "unknown" not in format_metrics(evaluator.result().rows(), "ctr")


def test_a_topic_has_one_name() -> None:
    with pytest.raises(SchemaError, match="named"):
        Evaluator([ScoreKey("a")], ["ctr"], {"scene": ("home",)}, apart={"all": ("unknown",)})

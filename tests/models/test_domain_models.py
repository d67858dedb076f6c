"""Models that are told a row's domain."""

from typing import Any

import numpy as np
import pytest

from tests.worlds import candidate_batch, random_batch, small_model, small_schema, weights_by_path
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import SchemaError

ROWS = 24
NAMES = ("star", "pepnet", "m2m")


def _scores(model: RankingModel, features: Any) -> np.ndarray:
    return np.concatenate([values.numpy() for values in model(features).values()], axis=1)


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest) -> RankingModel:
    return small_model(request.param, small_schema(long=9), base_topics=("period",))


@pytest.mark.parametrize("name", NAMES)
def test_there_must_be_a_domain_to_tell(name: str) -> None:
    with pytest.raises(SchemaError, match="expected base_topics, got none"):
        small_model(name, small_schema())


def test_each_row_has_its_own_domain_whatever_the_others_have(model: RankingModel) -> None:
    features, _ = random_batch(model.schema, ROWS)
    mixed = _scores(model, features)
    assert len(set(features["period"])) == 4  # unknown, too
    for code in range(4):
        of_one = _scores(model, features | {"period": np.full(ROWS, code, np.int32)})
        own = features["period"] == code
        np.testing.assert_allclose(mixed[own], of_one[own], atol=1e-6)
        assert np.abs(mixed[~own] - of_one[~own]).max() > 1e-3


def test_a_requests_items_are_in_its_domain(model: RankingModel) -> None:
    features = candidate_batch(model.schema, 3, 4)
    found = model.knowledge(features, candidates=True)["ctr"].numpy()
    one = {name: values[1:2] for name, values in features.items()}
    alone = model.knowledge(one, candidates=True)["ctr"].numpy()
    np.testing.assert_allclose(found[4:8], alone, atol=1e-5)


def test_star_is_its_star_and_its_auxiliary_net() -> None:
    model = small_model("star", small_schema(), base_topics=("period", "scene"))
    features, _ = random_batch(model.schema, ROWS)
    flat = model.front_end(features)
    both = [model.star(flat, features["period"]), model.auxiliary(flat)]
    expected = np.concatenate([part.numpy() for part in both], axis=1)
    for rows in model.knowledge(features).values():
        np.testing.assert_allclose(rows.numpy(), expected, atol=1e-6)


def test_pepnet_gates_by_domain_and_by_ids() -> None:
    model = small_model("pepnet", small_schema(), base_topics=("period", "scene"))
    features, _ = random_batch(model.schema, ROWS)
    embedding, flat = model.front_end.embedding, model.front_end(features).numpy()
    told = [embedding({name: features[name]}).numpy() for name in ("period", "scene")]
    gate = model.embedding_gate(np.concatenate([*told, flat], axis=1)).numpy()
    ids = [embedding({name: features[name]}).numpy() for name in ("user_id", "item_id")]
    prior = np.concatenate([*ids, flat * gate], axis=1)
    for task, rows in model.knowledge(features).items():
        expected = model.nets[task](flat * gate, prior).numpy()
        np.testing.assert_allclose(rows.numpy(), expected, atol=1e-5)
    assert weights_by_path(model, "embedding_gate")["hidden/kernel"].shape[0] == (
        2 * 4 + model.front_end.output_width
    )


def test_m2m_attends_and_towers_by_weights_of_the_rows_domains() -> None:
    model = small_model("m2m", small_schema(), base_topics=("period", "scene"))
    features, _ = random_batch(model.schema, ROWS)
    embedding, flat = model.front_end.embedding, model.front_end(features)
    names = ("period", "scene", "user_id")
    told = np.concatenate([embedding({name: features[name]}).numpy() for name in names], axis=1)
    known = model.scenario(told).numpy()
    views = [expert(flat).numpy() for expert in model.experts]
    attention = weights_by_path(model, "attention")
    vector, tasks = model.attention_vector.numpy()[:, 0], model.task_vectors.numpy()
    for place, (task, rows) in enumerate(model.knowledge(features).items()):
        tower = weights_by_path(model, f"{task}_tower")
        for row in range(ROWS):
            scores = [
                vector @ _leaky(_generated(attention, known[row], [*view[row], *tasks[place]]))
                for view in views
            ]
            shares = np.exp(scores) / np.exp(scores).sum()
            mixed = sum(share * view[row] for share, view in zip(shares, views, strict=True))
            expected = _leaky(_generated(tower, known[row], mixed) + mixed)
            np.testing.assert_allclose(rows.numpy()[row], expected, atol=1e-5)


def _generated(weights: Any, known: np.ndarray, inputs: Any) -> np.ndarray:
    """One row through the dense layer that is generated for it."""
    kernel, bias = weights["kernel"].copy(), weights["bias"].copy()
    for value, direction, of_bias in zip(
        known, weights["directions"], weights["bias_directions"], strict=True
    ):
        kernel += value * direction.reshape(kernel.shape)
        bias += value * of_bias
    return np.asarray(inputs) @ kernel + bias


def _leaky(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, 0.01 * values)

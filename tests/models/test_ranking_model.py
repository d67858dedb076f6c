"""What holds for every base model of the catalog."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.worlds import (
    candidate_batch,
    one_row_per_candidate,
    random_batch,
    small_model,
    small_schema,
)
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.models.ranking_model import RankingModel

ROWS = 12
WORLDS = [
    {"long": long, "exposure": exposure, "conversions": conversions}
    for long in (0, 9)
    for exposure in (True, False)
    for conversions in (True, False)
]


@pytest.fixture(scope="module", params=RANKING_MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(
    scope="module", params=WORLDS, ids=lambda world: "-".join(k for k, v in world.items() if v)
)
def model(request: pytest.FixtureRequest, name: str) -> RankingModel:
    return small_model(name, small_schema(**request.param), base_topics=("period",))


@pytest.fixture(scope="module")
def debiased(name: str) -> RankingModel:
    return small_model(name, small_schema(long=9), base_topics=("period",))


def scores(model: keras.Model, features: Any, training: bool = False) -> dict[str, Any]:
    return {t: values.numpy() for t, values in model(features, training=training).items()}


def assert_equal(found: dict[str, Any], expected: dict[str, Any], atol: float = 0.0) -> None:
    assert list(found) == list(expected)
    for task, values in expected.items():
        np.testing.assert_allclose(found[task], values, rtol=0, atol=atol)


def test_call_is_probabilities_of_logits_of_knowledge(model: RankingModel) -> None:
    features, labels = random_batch(model.schema, ROWS)
    knowledge = model.knowledge(features)
    logits = model.logits(knowledge)
    found = scores(model, features)
    assert list(found) == list(knowledge) == list(logits) == list(model.tasks) == list(labels)
    for task in model.tasks:
        assert knowledge[task].shape == (ROWS, model.knowledge_width)
        assert logits[task].shape == (ROWS, 1)
        assert np.all((found[task] > 0) & (found[task] < 1))
        assert np.ptp(found[task]) > 0.05
    assert_equal(found, {t: p.numpy() for t, p in model.probabilities(logits).items()})


def test_serving_reads_neither_exposure_nor_other_topics(model: RankingModel) -> None:
    features, _ = random_batch(model.schema, ROWS)
    read = {name: features[name] for name in model.front_end.inputs}
    assert set(features) - set(read) == {"scene", "region"} | (
        {"position"} if model.debias else set()
    )
    assert_equal(scores(model, read), scores(model, features))


def test_a_row_is_scored_alike_alone_and_in_a_batch(model: RankingModel) -> None:
    features, _ = random_batch(model.schema, ROWS)
    whole = scores(model, features)
    for row in range(0, ROWS, 5):
        alone = scores(model, {n: v[row : row + 1] for n, v in features.items()})
        assert_equal(alone, {t: v[row : row + 1] for t, v in whole.items()}, atol=1e-6)
    nothing = scores(model, {n: v[:0] for n, v in features.items()})
    assert all(values.shape == (0, 1) for values in nothing.values())


def test_candidates_equal_rows_one_by_one(model: RankingModel) -> None:
    features = candidate_batch(model.schema, 3, 4)
    found = model.logits(model.knowledge(features, candidates=True))
    rows = model.logits(model.knowledge(one_row_per_candidate(model.schema, features)))
    assert_equal(
        {t: v.numpy() for t, v in found.items()}, {t: v.numpy() for t, v in rows.items()}, 1e-5
    )


def test_config_round_trip(model: RankingModel) -> None:
    config = json.loads(json.dumps(model.get_config()))
    again = type(model).from_config(config)
    assert json.dumps(again.get_config()) == json.dumps(model.get_config())
    paths = [weight.path for weight in model.weights]
    assert [weight.path for weight in again.weights] == paths
    again.set_weights(model.get_weights())
    features, _ = random_batch(model.schema, ROWS)
    assert_equal(scores(again, features), scores(model, features))


def test_keras_file_round_trip(model: RankingModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    features, _ = random_batch(model.schema, ROWS)
    assert_equal(scores(again, features), scores(model, features))
    assert_equal(scores(again, features, training=True), scores(model, features, training=True))


def test_position_moves_scores_in_training_only(debiased: RankingModel) -> None:
    features, _ = random_batch(debiased.schema, ROWS)
    moved = features | {"position": np.arange(ROWS, dtype=np.int32) % 12}
    assert_equal(scores(debiased, moved), scores(debiased, features))
    assert np.any(
        scores(debiased, moved, training=True)["ctr"]
        != scores(debiased, features, training=True)["ctr"]
    )


def test_the_debias_tower_joins_the_click_logit_only(debiased: RankingModel) -> None:
    features, _ = random_batch(debiased.schema, ROWS)
    logits = debiased.logits(debiased.knowledge(features, training=True))
    exposed = debiased.exposed(logits, features)
    assert exposed["ctcvr"] is logits["ctcvr"]
    assert debiased.debias is not None
    effect = debiased.debias.effect(features).numpy().astype(np.float64)
    centred = effect - np.log(np.mean(np.exp(effect)))
    assert np.ptp(centred) > 0.05
    np.testing.assert_allclose(exposed["ctr"], logits["ctr"] + centred, atol=1e-5)
    trained = {t: v.numpy() for t, v in debiased.probabilities(exposed).items()}
    assert_equal(scores(debiased, features, training=True), trained, atol=1e-6)


def test_dropout_is_active_in_training_only(name: str) -> None:
    model = small_model(name, small_schema(exposure=False), dropout=0.5, base_topics=("period",))
    features, _ = random_batch(model.schema, ROWS)
    assert_equal(scores(model, features), scores(model, features))
    assert np.any(scores(model, features, training=True)["ctr"] != scores(model, features)["ctr"])


@pytest.mark.slow  # seconds of tracing each
def test_compile_and_fit_lower_the_loss(name: str) -> None:
    keras.utils.set_random_seed(0)
    model = small_model(name, small_schema(), dropout=0.1, base_topics=("period",))
    features, labels = random_batch(model.schema, 256)
    rows = tf.data.Dataset.from_tensor_slices((features, labels)).batch(64)
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss=dict.fromkeys(model.tasks, "binary_crossentropy"),
    )
    table = model.front_end.embedding.table.numpy()
    losses = model.fit(rows, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert np.any(model.front_end.embedding.table.numpy() != table)


def test_gradients_of_tables_are_row_sparse(debiased: RankingModel) -> None:
    features, labels = random_batch(debiased.schema, ROWS)
    assert debiased.debias is not None
    tables = [debiased.front_end.embedding.table.value, debiased.debias.embedding.table.value]
    with tf.GradientTape() as tape:
        found = debiased(features, training=True)
        loss = tf.add_n([tf.reduce_sum((found[t][:, 0] - labels[t]) ** 2) for t in found])
    gradients = tape.gradient(loss, tables)
    assert [type(gradient) for gradient in gradients] == [tf.IndexedSlices] * 2


def registered() -> Iterator[type]:
    for kind in keras.saving.get_custom_objects().values():
        if isinstance(kind, type) and issubclass(kind, RankingModel):
            yield kind


def test_every_registered_model_is_in_the_catalog() -> None:
    assert set(registered()) == set(RANKING_MODELS.values())

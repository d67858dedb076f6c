import dataclasses

import numpy as np
import pytest

from tests.layers.longhand import dense_net
from tests.worlds import random_batch, randomise, small_schema, weights_by_path
from tfrec_mt.layers.debias_tower import DebiasTower
from tfrec_mt.schema import CategoricalFeature, Feature, NumericFeature, Schema, SchemaError


def exposed_schema(*more: Feature) -> Schema:
    schema = small_schema()
    return dataclasses.replace(schema, features=(*schema.features, *more))


WIDE = exposed_schema(NumericFeature(name="slot", side="exposure", boundaries=(0.5, 1.5)))


def built(schema: Schema) -> DebiasTower:
    layer = DebiasTower(schema, width=3, units=(5,), name="debias")
    layer.build()
    randomise(layer)
    return layer


def test_effect_equals_a_net_over_the_exposure_embeddings() -> None:
    layer = built(WIDE)
    features, _ = random_batch(WIDE, 20)
    weights = weights_by_path(layer, "debias")
    positions = WIDE.vocabulary("position").rows
    table = weights["embedding/table"]
    inputs = np.concatenate(
        [table[features["position"]], table[positions + features["slot"]]], axis=1
    )
    hidden = dense_net(inputs, weights_by_path(layer, "net"))
    np.testing.assert_allclose(
        layer.effect(features).numpy(), hidden @ weights["logit/kernel"], rtol=1e-5, atol=1e-6
    )


def test_output_is_the_effect_less_the_log_of_the_mean_odds() -> None:
    layer = built(WIDE)
    features, _ = random_batch(WIDE, 20)
    effect = layer.effect(features).numpy().astype(np.float64)
    found = layer(features).numpy()
    assert found.shape == (20, 1)
    np.testing.assert_allclose(found, effect - np.log(np.mean(np.exp(effect))), atol=1e-6)
    # exp of a logit is odds: the average exposure leaves them as they are
    assert np.mean(np.exp(found)) == pytest.approx(1.0, abs=1e-6)


def test_one_exposure_for_all_rows_changes_nothing() -> None:
    layer = built(small_schema())
    found = layer({"position": np.full(7, 3, np.int32)}).numpy()
    np.testing.assert_allclose(found, 0.0, atol=1e-6)


def test_no_rows() -> None:
    assert built(small_schema())({"position": np.zeros(0, np.int32)}).shape == (0, 1)


@pytest.mark.parametrize(
    "feature",
    [
        NumericFeature(name="height", side="exposure", buckets=None),
        CategoricalFeature(name="shown_tags", vocabulary="tag", side="exposure", max_values=2),
    ],
    ids=["passed number", "bag"],
)
def test_an_exposure_that_is_no_single_code_is_refused(feature: Feature) -> None:
    with pytest.raises(SchemaError, match=feature.name):
        DebiasTower(exposed_schema(feature))

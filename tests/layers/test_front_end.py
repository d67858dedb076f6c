import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.longhand import attention, most_equal_signs
from tests.worlds import (
    candidate_batch,
    one_row_per_candidate,
    random_batch,
    randomise,
    small_schema,
    weights_by_path,
)
from tfrec_mt.data.reading.batch import Arrays
from tfrec_mt.layers.front_end import FrontEnd
from tfrec_mt.schema import CategoricalFeature, History, NumericFeature, Schema, Side

WIDTH = 3


def built(schema: Schema, base_topics: tuple[str, ...] = ()) -> FrontEnd:
    layer = FrontEnd(
        schema, WIDTH, base_topics, heads=2, head_width=4, long_top=4, name="front_end"
    )
    layer.build()
    randomise(layer)
    return layer


class Longhand:
    """One row after the other, one table after the other."""

    def __init__(self, layer: FrontEnd) -> None:
        self.layer = layer
        self.schema = layer.schema
        self.weights = weights_by_path(layer, "front_end")
        self.tables = {}
        start = 0
        for name, rows in layer.embedding.table_rows.items():
            self.tables[name] = self.weights["embedding/table"][start : start + rows]
            start += rows

    def __call__(self, features: Arrays) -> Any:
        count = len(features[self.schema.features[0].name])
        rows = [{name: values[i] for name, values in features.items()} for i in range(count)]
        return np.array([self.row(row) for row in rows])

    def row(self, row: dict[str, Any]) -> Any:
        user, item = self.kinds("user", "context"), self.kinds("item")
        parts = [self.vector(name, row) for name in user["single"]]
        parts += [self.tables[f"{topic}_domains"][row[topic]] for topic in self.layer.base_topics]
        names = user["bag"] + user["number"] + item["single"] + item["bag"] + item["number"]
        parts += [self.vector(name, row) for name in names]
        return np.concatenate([*parts, *self.interests(row)])

    def kinds(self, *sides: Side) -> dict[str, list[str]]:
        """Names of the features of some sides by how they become vectors."""
        kinds: dict[str, list[str]] = {"single": [], "bag": [], "number": []}
        for feature in self.schema.side(*sides):
            bag = isinstance(feature, CategoricalFeature) and feature.max_values > 1
            plain = isinstance(feature, NumericFeature) and feature.buckets is None
            kinds["bag" if bag else "number" if plain else "single"].append(feature.name)
        return kinds

    def table(self, name: str) -> Any:
        feature = self.schema.feature(name)
        if isinstance(feature, CategoricalFeature):
            return self.tables[feature.vocabulary]
        return self.tables[f"{name}_buckets"]

    def vector(self, name: str, row: dict[str, Any]) -> Any:
        feature = self.schema.feature(name)
        if isinstance(feature, NumericFeature) and feature.buckets is None:
            return [row[name]]
        if isinstance(feature, CategoricalFeature) and feature.max_values > 1:
            filled = [self.table(name)[code] for code in row[name] if code]
            return np.mean(filled, axis=0) if filled else np.zeros(WIDTH)
        return self.table(name)[row[name]]

    def interests(self, row: dict[str, Any]) -> list[Any]:
        history = self.schema.history
        if history is None:
            return []
        target = np.concatenate([self.vector(name, row) for name in history.elements])
        first = f"history_{history.elements[0]}"
        elements = np.array(
            [
                np.concatenate(
                    [self.table(name)[row[f"history_{name}"][i]] for name in history.elements]
                    + ([self.tables["age"][row["history_age"][i]]] if history.time_gaps else [])
                )
                for i in range(len(row[first]))
            ]
        ).reshape(len(row[first]), WIDTH * (len(history.elements) + history.time_gaps))
        mask = row[first] > 0
        short = attention(
            target,
            elements[: history.short],
            mask[: history.short],
            weights_by_path(self.layer, "short_sequence"),
        )
        if not history.long:
            return [short]
        projection = self.weights["long_retrieval/projection"]
        top = most_equal_signs(target, elements, mask, projection, 4)
        weights = weights_by_path(self.layer, "long_sequence")
        return [short, attention(target, elements[top], mask[top], weights)]


@pytest.mark.parametrize("long", [0, 12], ids=["short", "short and long"])
@pytest.mark.parametrize("base_topics", [(), ("region", "scene")], ids=["no topics", "topics"])
def test_equals_the_longhand_in_order_and_width(long: int, base_topics: tuple[str, ...]) -> None:
    schema = small_schema(long=long)
    layer = built(schema, base_topics)
    features, _ = random_batch(schema, 25)
    found = layer(features).numpy()
    assert found.shape == (25, layer.output_width)
    np.testing.assert_allclose(found, Longhand(layer)(features), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("long", [0, 12], ids=["short", "short and long"])
@pytest.mark.parametrize("length", [0, 2, 5])
def test_a_history_shorter_than_the_schemas(long: int, length: int) -> None:
    schema = small_schema(long=long)
    layer = built(schema)
    features, _ = random_batch(schema, 8, length=length)
    np.testing.assert_allclose(
        layer(features).numpy(), Longhand(layer)(features), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("long", [0, 12], ids=["short", "short and long"])
def test_the_tables_gradient_is_the_slope_of_the_longhand(long: int) -> None:
    layer = built(small_schema(long=long))
    features, _ = random_batch(layer.schema, 8)
    rng = np.random.default_rng(0)
    upstream = rng.normal(size=(8, layer.output_width))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(features) * upstream.astype(np.float32))
    gradient = tf.convert_to_tensor(tape.gradient(loss, layer.embedding.table.value)).numpy()

    longhand = Longhand(layer)
    direction = {name: rng.normal(size=table.shape) for name, table in longhand.tables.items()}
    losses = []
    for step in (1e-4, -1e-4):
        moved = Longhand(layer)
        moved.tables = {n: table + step * direction[n] for n, table in longhand.tables.items()}
        losses.append(np.sum(moved(features) * upstream))
    slope = np.sum(gradient * np.concatenate(list(direction.values())))
    assert slope == pytest.approx((losses[0] - losses[1]) / 2e-4, rel=1e-3)


def test_the_short_sequence_sees_the_newest_elements_only() -> None:
    schema = small_schema(long=0)
    layer = built(schema)
    features, _ = random_batch(schema, 8, length=9)
    newest = {n: v[:, :5] if n.startswith("history_") else v for n, v in features.items()}
    np.testing.assert_array_equal(layer(features).numpy(), layer(newest).numpy())


@pytest.mark.parametrize("long", [0, 12], ids=["short", "short and long"])
@pytest.mark.parametrize(("requests", "items"), [(3, 4), (1, 7), (3, 0), (0, 4)])
def test_candidates_equal_rows_scored_one_by_one(long: int, requests: int, items: int) -> None:
    schema = small_schema(long=long)
    layer = built(schema, ("period",))
    features = candidate_batch(schema, requests, items)
    found = layer(features, candidates=True).numpy()
    rows = layer(one_row_per_candidate(schema, features)).numpy()
    assert found.shape == (requests * items, layer.output_width)
    np.testing.assert_allclose(found, rows, rtol=1e-5, atol=1e-6)


def variants() -> dict[str, Schema]:
    schema = small_schema()
    items_only = tuple(f for f in schema.features if f.side == "item")
    return {
        "no history": dataclasses.replace(schema, history=None),
        "no ages": dataclasses.replace(schema, history=History(elements=("cuisine",), short=5)),
        "items only": dataclasses.replace(schema, features=items_only),
    }


@pytest.mark.parametrize("variant", variants())
def test_other_schemas(variant: str) -> None:
    schema = variants()[variant]
    layer = built(schema)
    features, _ = random_batch(schema, 6)
    found = layer(features).numpy()
    assert found.shape == (6, layer.output_width)
    np.testing.assert_allclose(found, Longhand(layer)(features), rtol=1e-5, atol=1e-6)


def test_inputs_names_all_that_is_read() -> None:
    schema = small_schema(long=12)
    layer = built(schema, ("scene",))
    features, _ = random_batch(schema, 4)
    read = {name: features[name] for name in layer.inputs}
    assert set(features) - set(read) == {"position", "period", "region"}
    np.testing.assert_array_equal(layer(read).numpy(), layer(features).numpy())
    for name in read:
        with pytest.raises(KeyError, match=name):
            layer({other: values for other, values in read.items() if other != name})


def test_output_width_is_known_in_a_graph_of_unknown_sizes() -> None:
    schema = small_schema(long=12)
    layer = built(schema)
    features, _ = random_batch(schema, 4)
    specs = {n: tf.TensorSpec([None] * v.ndim, v.dtype) for n, v in features.items()}
    shapes = []

    @tf.function(input_signature=[specs])
    def forward(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        found = layer(inputs)
        shapes.append(found.shape.as_list())
        return found

    np.testing.assert_allclose(forward(features), layer(features), rtol=1e-5, atol=1e-6)
    assert shapes == [[None, layer.output_width]]

"""A small learned schema with every kind of feature, and random batches of its codes."""

from typing import Any

import keras
import numpy as np

from tfrec_mt.data.reading.batch import Arrays
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import (
    CategoricalFeature,
    History,
    Keys,
    NumericFeature,
    Schema,
    Topic,
    Vocabulary,
    click_tasks,
)
from tfrec_mt.schema.features import AGE_ROWS, Feature
from tfrec_mt.schema.schema import HISTORY_AGE, HISTORY_PREFIX

SMALL: dict[str, Any] = {
    "embedding_width": 4,
    "units": (12, 6),
    "heads": 2,
    "head_width": 3,
    "long_top": 4,
}
# of one model
_SMALL_TOO: dict[str, dict[str, Any]] = {"m2m": {"view_width": 5}}


def small_schema(*, long: int = 0, exposure: bool = True, conversions: bool = True) -> Schema:
    """User, item, context and exposure; a bag; passed and discretised numbers; three topics."""
    positions = CategoricalFeature(name="position", vocabulary="position", side="exposure")
    return Schema(
        vocabularies=(
            Vocabulary(name="user", dtype="int64", size=30),
            Vocabulary(name="item", dtype="int64", size=20, hash_buckets=3),
            Vocabulary(name="cuisine", size=7),
            Vocabulary(name="tag", size=5),
            Vocabulary(name="position", dtype="int64", size=10),
        ),
        features=(
            CategoricalFeature(name="user_id", vocabulary="user", side="user"),
            CategoricalFeature(name="liked_tags", vocabulary="tag", side="user", max_values=2),
            CategoricalFeature(name="item_id", vocabulary="item", side="item"),
            CategoricalFeature(name="cuisine", vocabulary="cuisine", side="item"),
            CategoricalFeature(name="tags", vocabulary="tag", side="item", max_values=3),
            NumericFeature(name="price", side="item", boundaries=(1.0, 2.0, 5.0, 9.0)),
            NumericFeature(name="discount", side="item", buckets=None),
            NumericFeature(name="distance", side="context", buckets=None),
            *((positions,) if exposure else ()),
        ),
        tasks=click_tasks("click", "order" if conversions else None),
        keys=Keys(user="user_id", item="item_id", timestamp="time"),
        history=History(
            elements=("item_id", "cuisine", "price"), short=5, long=long, time_gaps=True
        ),
        topics=(
            Topic(name="scene", domains=("home", "channel")),
            Topic(name="period", domains=("noon", "evening", "night")),
            Topic(name="region", domains=("a", "b", "c", "d", "e", "f")),
        ),
    )


def random_batch(
    schema: Schema, rows: int, seed: int = 0, length: int | None = None
) -> tuple[Arrays, Arrays]:
    """Features and labels of random rows; odd items are clicked more often.

    Bags and histories are filled from the front, some not at all, and some domains are 0.
    `length` is that of the histories, the schema's if None.
    """
    rng = np.random.default_rng(seed)
    features: Arrays = {f.name: _values(schema, f, (rows,), rng) for f in schema.features}
    for topic in schema.topics:
        features[topic.name] = rng.integers(0, len(topic.domains) + 1, rows).astype(np.int32)
    if schema.history:
        length = schema.history.length if length is None else length
        seen = np.arange(length) < rng.integers(0, length + 1, rows)[:, np.newaxis]
        for name in schema.history.elements:
            codes = rng.integers(1, _rows(schema, schema.feature(name)), (rows, length))
            features[HISTORY_PREFIX + name] = (codes * seen).astype(np.int32)
        ages = rng.integers(1, AGE_ROWS, (rows, length))
        features[HISTORY_AGE] = (ages * seen).astype(np.int32)
    clicks = rng.random(rows) < 0.1 + 0.5 * (features["item_id"] % 2)
    labels = {"ctr": clicks.astype(np.float32)}
    if "ctcvr" in schema.task_names:
        labels["ctcvr"] = (clicks & (rng.random(rows) < 0.4)).astype(np.float32)
    return features, labels


def _rows(schema: Schema, feature: Feature) -> int:
    if isinstance(feature, CategoricalFeature):
        return schema.vocabulary(feature.vocabulary).rows
    return feature.rows


def _values(
    schema: Schema, feature: Feature, shape: tuple[int, ...], rng: np.random.Generator
) -> Any:
    if isinstance(feature, NumericFeature) and feature.buckets is None:
        return rng.normal(size=shape).astype(np.float32)
    rows = _rows(schema, feature)
    if isinstance(feature, NumericFeature) or feature.max_values == 1:
        return rng.integers(0, rows, shape).astype(np.int32)
    count = rng.integers(0, feature.max_values + 1, shape)[..., np.newaxis]
    codes = rng.integers(1, rows, (*shape, feature.max_values))
    return (codes * (np.arange(feature.max_values) < count)).astype(np.int32)


def candidate_batch(schema: Schema, requests: int, items: int, seed: int = 0) -> Arrays:
    """Features of requests for N items each: item features are `[B, N]`, the others `[B]`."""
    features, _ = random_batch(schema, requests, seed)
    rng = np.random.default_rng(seed + 1)
    for feature in schema.side("item"):
        features[feature.name] = _values(schema, feature, (requests, items), rng)
    return features


def one_row_per_candidate(schema: Schema, features: Arrays) -> Arrays:
    """The rows of `candidate_batch` one by one, the user's side repeated for each item."""
    item_names = [feature.name for feature in schema.side("item")]
    requests, items = features[item_names[0]].shape[:2]
    return {
        name: values.reshape(requests * items, *values.shape[2:])
        if name in item_names
        else np.repeat(values, items, axis=0)
        for name, values in features.items()
    }


def randomise(layer: keras.layers.Layer, seed: int = 0, spread: float = 0.4) -> None:
    """Gives every trainable weight random values, so that no bias or table is all zeros."""
    rng = np.random.default_rng(seed)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(scale=spread, size=weight.shape))


def small_model(name: str, schema: Schema, **settings: Any) -> RankingModel:
    """A model of the catalog in small, with random weights."""
    model = RANKING_MODELS[name](schema, **{**SMALL, **_SMALL_TOO.get(name, {}), **settings})
    randomise(model)
    return model


def weights_by_path(layer: keras.layers.Layer, scope: str) -> dict[str, Any]:
    """Weights in float64 by what follows `scope/` in their path."""
    return {
        weight.path.rpartition(f"{scope}/")[2]: weight.numpy().astype(np.float64)
        for weight in layer.weights
        if f"{scope}/" in weight.path
    }

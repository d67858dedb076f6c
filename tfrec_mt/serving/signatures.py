"""Raw inputs of an exported model, derived from its schema."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tfrec_mt.schema import CategoricalFeature, Feature, Schema
from tfrec_mt.schema.features import MISSING_INT, MISSING_STRING
from tfrec_mt.schema.schema import HISTORY_AGE, HISTORY_PREFIX

Specs = dict[str, tf.TensorSpec]

# Output that tells for which topics a domain has no kernel.
USED_FALLBACK = "used_fallback"

# What stands for a missing value of each input type, and pads lists.
MISSING: dict[tf.DType, str | int | float] = {
    tf.string: MISSING_STRING,
    tf.int64: MISSING_INT,
    tf.float32: float("nan"),
}


def _dtype(schema: Schema, feature: Feature) -> tf.DType:
    if isinstance(feature, CategoricalFeature):
        return tf.as_dtype(schema.vocabulary(feature.vocabulary).dtype)
    return tf.float32


def _is_bag(feature: Feature) -> bool:
    return isinstance(feature, CategoricalFeature) and feature.max_values > 1


def row_specs(schema: Schema, topics: Iterable[str]) -> Specs:
    """Inputs of one row each: features `[B]`, bags `[B, K]`, histories `[B, L]`, topics `[B]`."""
    shapes = {
        feature.name: ([None, None] if _is_bag(feature) else [None], _dtype(schema, feature))
        for feature in schema.side("user", "context", "item")
    }
    for topic in topics:
        shapes[topic] = ([None], tf.string)
    if schema.history:
        for name in schema.history.elements:
            shapes[HISTORY_PREFIX + name] = ([None, None], _dtype(schema, schema.feature(name)))
        if schema.history.time_gaps:
            shapes[HISTORY_AGE] = ([None, None], tf.int64)
    return {name: tf.TensorSpec(shape, dtype, name) for name, (shape, dtype) in shapes.items()}


def candidate_specs(schema: Schema, topics: Iterable[str]) -> Specs:
    """Inputs of one request each: like rows, but item features are `[B, N]`, bags `[B, N, K]`."""
    specs = row_specs(schema, topics)
    for feature in schema.side("item"):
        spec = specs[feature.name]
        specs[feature.name] = tf.TensorSpec([None, *spec.shape], spec.dtype, spec.name)
    return specs


def required_inputs(schema: Schema, specs: Specs) -> set[str]:
    """Inputs that a request cannot do without: who, and which items."""
    keys = {schema.keys.user, schema.keys.item} & set(specs)
    if schema.keys.item in keys:
        return keys
    return keys | {feature.name for feature in schema.side("item")}


def missing_values(specs: Specs) -> dict[str, tf.Tensor]:
    """What stands for inputs that a request leaves out: one value, or a list of one, missing."""
    return {
        name: tf.constant(MISSING[spec.dtype], spec.dtype, [1] * len(spec.shape))
        for name, spec in specs.items()
    }


def spread(raw: dict[str, Any], like: str, items: Iterable[str] = ()) -> dict[str, Any]:
    """Gives every input as many rows as one of them has; what has one row is for all.

    Args:
      raw: Inputs, all with a first dimension of 1 or B.
      like: An input with B rows.
      items: Inputs that have a second dimension, 1 or N, if `like` is one of them.

    Raises:
      InvalidArgumentError: When it runs; names the inputs of another length.
    """
    places = {name: 2 if name in items else 1 for name in raw}
    whole = tf.shape(raw[like])
    shapes = {name: tf.shape(values) for name, values in raw.items()}
    times = {n: whole[:k] // tf.maximum(shapes[n][:k], 1) for n, k in places.items()}
    fits = [tf.reduce_all(times[n] * shapes[n][:k] == whole[:k]) for n, k in places.items()]
    wrong = tf.boolean_mask([*places], ~tf.stack(fits))
    said = f"inputs that have neither one row nor as many as {like!r}:"
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(fits), [said, wrong], 99)]):
        return {
            name: tf.tile(
                values,
                tf.pad(times[name], [[0, len(values.shape) - places[name]]], constant_values=1),
            )
            for name, values in raw.items()
        }


def at_most(values: Any, limit: int, what: str) -> Any:
    """Passes values `[B, N, ...]` on if N is within a limit.

    Raises:
      InvalidArgumentError: When it runs; says how many there are. A graph that checks its inputs
        has no other status to give, such as RESOURCE_EXHAUSTED.
    """
    count = tf.shape(values)[1]
    said = [f"{what}: expected at most", limit, "got", count]
    with tf.control_dependencies([tf.debugging.Assert(count <= limit, said)]):
        return tf.identity(values)


def example_features(
    specs: Specs,
) -> dict[str, tf.io.FixedLenFeature | tf.io.RaggedFeature]:
    """How each row input stands in a `tf.Example`; an absent one counts as missing."""
    return {
        name: tf.io.FixedLenFeature([], spec.dtype, MISSING[spec.dtype])
        if len(spec.shape) == 1
        else tf.io.RaggedFeature(spec.dtype)
        for name, spec in specs.items()
    }


def pad_ragged(parsed: dict[str, tf.Tensor | tf.RaggedTensor]) -> dict[str, tf.Tensor]:
    """Pads lists of differing lengths with the value that means missing."""
    return {
        name: value.to_tensor(MISSING[value.dtype]) if isinstance(value, tf.RaggedTensor) else value
        for name, value in parsed.items()
    }

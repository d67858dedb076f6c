"""Raw inputs of an exported model, derived from its schema."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tfrec_mt.schema import CategoricalFeature, Feature, NumericFeature, Schema
from tfrec_mt.schema.features import MISSING_INT, MISSING_STRING
from tfrec_mt.schema.schema import HISTORY_AGE, HISTORY_PREFIX
from tfrec_mt.serving.input_checks import same_rows

Specs = dict[str, tf.TensorSpec]

# Outputs that tell for which topics a domain has no kernel, and which users and items are not among
# the known ids.
USED_FALLBACK = "used_fallback"
UNKNOWN_USER, UNKNOWN_ITEM = "unknown_user", "unknown_item"

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


def needed_numbers(schema: Schema) -> tuple[str, ...]:
    """Numbers that the schema requires in every row."""
    served = schema.side("user", "context", "item")
    return tuple(f.name for f in served if isinstance(f, NumericFeature) and f.missing == "error")


def required_inputs(schema: Schema, specs: Specs) -> set[str]:
    """Inputs that a request must have: the user, the items, and `needed_numbers`."""
    keys = {schema.keys.user, schema.keys.item} & set(specs)
    if schema.keys.item not in keys:
        keys |= {feature.name for feature in schema.side("item")}
    return keys | {*needed_numbers(schema)}


def known_from(schema: Schema, name: str | None) -> int | None:
    """The lowest code of a key's known ids; None where no feature has its ids, or none is known."""
    served = {feature.name: feature for feature in schema.side("user", "context", "item")}
    feature = served.get(name or "")
    if not isinstance(feature, CategoricalFeature) or _is_bag(feature):
        return None
    vocabulary = schema.vocabulary(feature.vocabulary)
    return vocabulary.first_known if vocabulary.size else None


def missing_values(specs: Specs) -> dict[str, tf.Tensor]:
    """Stand-ins for inputs that a request leaves out: one missing value, or a list of one."""
    return {
        name: tf.constant(MISSING[spec.dtype], spec.dtype, [1] * len(spec.shape))
        for name, spec in specs.items()
    }


def is_missing(values: Any) -> Any:
    """Which values stand for a missing one."""
    if values.dtype == tf.float32:
        return tf.math.is_nan(values)
    return tf.equal(values, MISSING[values.dtype])


def spread(raw: dict[str, Any], like: str, items: Iterable[str] = ()) -> dict[str, Any]:
    """Repeats inputs with a single row, so that all have as many rows as one of them.

    Args:
      raw: Inputs, all with a first dimension of 1 or B.
      like: An input with B rows.
      items: Inputs that have a second dimension, 1 or N, if `like` is one of them.

    Raises:
      InvalidArgumentError: When it runs; names the inputs of another length.
    """
    check, rows, counts = same_rows(raw, like, items)
    with tf.control_dependencies([check]):
        times = zip(tf.unstack(rows), tf.unstack(counts), strict=True)
        return {
            name: tf.tile(values, [*both, *[1] * len(values.shape)][: len(values.shape)])
            for (name, values), both in zip(raw.items(), times, strict=True)
        }


def example_features(
    specs: Specs,
) -> dict[str, tf.io.FixedLenFeature | tf.io.RaggedFeature]:
    """How each row input is stored in a `tf.Example`; an absent one counts as missing."""
    return {
        name: tf.io.FixedLenFeature([], spec.dtype, MISSING[spec.dtype])
        if len(spec.shape) == 1
        else tf.io.RaggedFeature(spec.dtype)
        for name, spec in specs.items()
    }

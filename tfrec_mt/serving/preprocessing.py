"""`Preprocessing`: from raw ids and numbers to codes, inside the exported graph."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_mt.schema import CategoricalFeature, NumericFeature, Schema, Vocabulary
from tfrec_mt.schema.features import AGE_ROWS, MISSING_INT, MISSING_STRING, MOST_DEVIATIONS
from tfrec_mt.schema.schema import HISTORY_AGE, HISTORY_PREFIX

AGE_EDGES = np.array([2**k for k in range(AGE_ROWS - 1)], np.int64)


class Preprocessing(tf.Module):
    """Maps raw inputs to the same codes that preparation gave the training rows.

    No value makes it fail: unknown ids share hashed rows, missing ones have their own row, unknown
    domains are code 0, numbers that are not finite count as missing, and outliers are clipped at
    `MOST_DEVIATIONS`.

    Args:
      schema: A learned schema.
      vocabularies: Folder of `<vocabulary>.txt`, one known id per line in code order.
      topics: Topics whose domain is a feature of the base.
    """

    def __init__(self, schema: Schema, vocabularies: Path, topics: Iterable[str]) -> None:
        super().__init__()
        self.schema = schema
        served = schema.side("user", "item", "context")
        names = {f.vocabulary for f in served if isinstance(f, CategoricalFeature)}
        self._tables = {
            v.name: _table(vocabularies / f"{v.name}.txt", v)
            for v in schema.vocabularies
            if v.size and v.name in names
        }
        self._features = {f.name: f for f in served}
        if schema.history:
            for name in schema.history.elements:
                self._features[HISTORY_PREFIX + name] = schema.feature(name)
        self._topics = {name: domain_table(schema.topic(name).domains) for name in topics}

    def __call__(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Codes and numbers by name, for raw inputs of any shape."""
        codes = {}
        for name, values in raw.items():
            if name == HISTORY_AGE:
                codes[name] = _age_codes(values)
            elif name in self._topics:
                codes[name] = self._topics[name].lookup(values)
            elif name in self._features:
                codes[name] = self._codes(self._features[name], values)
        return codes

    def _codes(self, feature: CategoricalFeature | NumericFeature, values: Any) -> Any:
        if isinstance(feature, CategoricalFeature):
            return self._id_codes(self.schema.vocabulary(feature.vocabulary), values)
        finite = tf.math.is_finite(values)
        if feature.buckets is None:
            scaled = (values - feature.mean) / feature.scale
            near = tf.clip_by_value(scaled, -MOST_DEVIATIONS, MOST_DEVIATIONS)
            return tf.where(finite, near, 0.0)
        flat = tf.reshape(values, [-1])
        edges = tf.constant(feature.boundaries, tf.float32)
        bucket = 1 + tf.searchsorted(edges, flat, side="right")
        return tf.where(finite, tf.reshape(bucket, tf.shape(values)), 0)

    def _id_codes(self, vocabulary: Vocabulary, ids: Any) -> Any:
        flat = tf.reshape(ids, [-1])
        missing = MISSING_STRING if ids.dtype == tf.string else MISSING_INT
        codes = tf.zeros_like(flat, tf.int32)
        if vocabulary.name in self._tables:
            codes = tf.cast(self._tables[vocabulary.name].lookup(flat), tf.int32)
            codes += vocabulary.first_known
        unknown = tf.equal(codes, 0) & tf.not_equal(flat, missing)
        # few ids are unknown, and hashing takes longer than all else
        places = tf.where(unknown)
        strange = tf.gather_nd(flat, places)
        text = strange if ids.dtype == tf.string else tf.as_string(strange)
        hashed = 1 + tf.strings.to_hash_bucket_fast(text, vocabulary.hash_buckets)
        codes = tf.tensor_scatter_nd_update(codes, places, tf.cast(hashed, tf.int32))
        return tf.reshape(codes, tf.shape(ids))


def _age_codes(seconds: Any) -> Any:
    flat = tf.reshape(seconds, [-1])
    code = tf.searchsorted(AGE_EDGES, flat + 1, side="right")
    return tf.reshape(code, tf.shape(seconds))


def _table(path: Path, vocabulary: Vocabulary) -> tf.lookup.StaticHashTable:
    """Table from an id to its code less `first_known`, where unknown ids have code 0.

    The file becomes an asset of the SavedModel.
    """
    whole = vocabulary.dtype == "string"
    initializer = tf.lookup.TextFileInitializer(
        str(path),
        key_dtype=tf.string if whole else tf.int64,
        key_index=tf.lookup.TextFileIndex.WHOLE_LINE if whole else 0,
        value_dtype=tf.int64,
        value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
        vocab_size=vocabulary.size,
    )
    return tf.lookup.StaticHashTable(initializer, default_value=-vocabulary.first_known)


def domain_table(domains: tuple[str, ...]) -> tf.lookup.StaticHashTable:
    """Table from a domain to its code, its place in `domains` plus one; 0 for any other text."""
    codes = tf.range(1, len(domains) + 1, dtype=tf.int32)
    initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(domains), codes)
    return tf.lookup.StaticHashTable(initializer, default_value=0)

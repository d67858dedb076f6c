"""`FrontEnd`: from the features of a schema to one vector per row."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.feature_tables import feature_tables
from tfrec_mt.layers.fused_embedding import FusedEmbedding
from tfrec_mt.layers.long_sequence import LongSequence
from tfrec_mt.layers.target_attention import TargetAttention
from tfrec_mt.schema import CategoricalFeature, Feature, Schema
from tfrec_mt.schema.features import AGE_ROWS
from tfrec_mt.schema.schema import HISTORY_AGE, HISTORY_PREFIX


@keras.saving.register_keras_serializable("tfrec_mt")
class FrontEnd(keras.layers.Layer):
    """Embeddings and sequence modules, shared by all ranking models (IAK paper, 5.2).

    Every row is seen as one user with N targets; in training N is 1. The user's side, history
    included, is embedded once, whatever N is.

    Args:
      schema: A learned schema, or its JSON.
      width: Embedding width `D`.
      base_topics: Topics whose domain is a feature.
      heads, head_width: Attention heads of the sequence modules.
      long_top: Elements of the long history that are attended to.

    Call arguments:
      features: By name: user and context features and topics `[B]`, item features `[B]`, or
        `[B, N]` with `candidates`; bags have a further axis; `history_<element>` and
        `history_age` `[B, L]`, newest first.
      candidates: Whether item features carry the axis N.

    Returns:
      `[B * N, W]`.
    """

    def __init__(
        self,
        schema: Schema | str,
        width: int = 8,
        base_topics: Sequence[str] = (),
        heads: int = 8,
        head_width: int = 8,
        long_top: int = 32,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.schema = schema if isinstance(schema, Schema) else Schema.from_json(schema)
        self.width = width
        self.base_topics = tuple(base_topics)
        self.heads = heads
        self.head_width = head_width
        self.long_top = long_top
        rows, tables = feature_tables(
            self.schema,
            self.schema.side("user", "context", "item"),
            [self.schema.topic(name) for name in self.base_topics],
        )
        self._attentions: list[keras.layers.Layer] = []
        history = self.schema.history
        if history:
            tables |= {HISTORY_PREFIX + name: tables[name] for name in history.elements}
            if history.time_gaps:
                rows["age"] = AGE_ROWS
                tables[HISTORY_AGE] = "age"
            self._attentions.append(TargetAttention(heads, head_width, name="short_sequence"))
            if history.long:
                self._attentions.append(
                    LongSequence(
                        top=min(long_top, history.long),
                        heads=heads,
                        head_width=head_width,
                        name="long_sequence",
                    )
                )
        self.embedding = FusedEmbedding(rows, tables, width, name="embedding")

    def build(self, features_shape: Any = None) -> None:
        self.embedding.build()
        history = self.schema.history
        if history:
            target = (None, None, self.width * len(history.elements))
            element = (None, None, target[2] + self.width * history.time_gaps)
            for attention in self._attentions:
                attention.build(target, element)
        self.built = True

    @property
    def output_width(self) -> int:
        """Width `W` of the output."""
        features = self.schema.side("user", "context", "item")
        embedded = sum(f.name in self.embedding.feature_tables for f in features)
        attended = len(self._attentions) * self.heads * self.head_width
        passed = len(features) - embedded
        return (embedded + len(self.base_topics)) * self.width + attended + passed

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features that are read."""
        passed = [f.name for f in self.schema.side("user", "context", "item")]
        return tuple(dict.fromkeys([*self.embedding.feature_tables, *passed]))

    def call(self, features: Mapping[str, Any], candidates: bool = False) -> Any:
        embedded = self.embedding({n: features[n] for n in self.embedding.feature_tables})
        user = [
            self._vector(f, features, embedded) for f in self.schema.side("user", "context")
        ] + [embedded[name] for name in self.base_topics]
        item_features = self.schema.side("item")
        items = {f.name: self._vector(f, features, embedded) for f in item_features}
        if not candidates:
            items = {name: vector[:, tf.newaxis] for name, vector in items.items()}
        parts = list(items.values())
        if self.schema.history:
            targets = tf.concat([items[name] for name in self.schema.history.elements], axis=-1)
            parts += self._interests(targets, features, embedded)
        # [B, N, *]
        item_side = tf.concat(parts, axis=-1)
        shape = tf.shape(item_side)
        if user:
            user_side = tf.concat(user, axis=-1)[:, tf.newaxis]
            user_side = tf.broadcast_to(user_side, [shape[0], shape[1], user_side.shape[-1]])
            item_side = tf.concat([user_side, item_side], axis=-1)
        return tf.reshape(item_side, [shape[0] * shape[1], self.output_width])

    def _vector(
        self, feature: Feature, features: Mapping[str, Any], embedded: Mapping[str, Any]
    ) -> Any:
        """One feature as a vector: an embedding, the mean of a bag, or the number itself."""
        if feature.name not in embedded:
            return tf.cast(features[feature.name], self.compute_dtype)[..., tf.newaxis]
        vector = embedded[feature.name]
        if isinstance(feature, CategoricalFeature) and feature.max_values > 1:
            filled = tf.cast(features[feature.name] > 0, vector.dtype)[..., tf.newaxis]
            count = tf.maximum(tf.reduce_sum(filled, axis=-2), 1.0)
            vector = tf.reduce_sum(vector * filled, axis=-2) / count
        return vector

    def _interests(
        self, targets: Any, features: Mapping[str, Any], embedded: Mapping[str, Any]
    ) -> list[Any]:
        history = self.schema.history
        assert history is not None
        names = [HISTORY_PREFIX + name for name in history.elements]
        mask = features[names[0]] > 0
        # [B, L, Dx]
        elements = tf.concat(
            [embedded[n] for n in (*names, *([HISTORY_AGE] if history.time_gaps else []))], axis=-1
        )
        lengths = (history.short, history.long)
        return [
            attention(targets, elements[:, :length], mask[:, :length])
            for attention, length in zip(self._attentions, lengths, strict=False)
        ]

    def compute_output_shape(self, features_shape: Any) -> tuple[int | None, ...]:
        return (None, self.output_width)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "schema": self.schema.to_json(),
            "width": self.width,
            "base_topics": self.base_topics,
            "heads": self.heads,
            "head_width": self.head_width,
            "long_top": self.long_top,
        }

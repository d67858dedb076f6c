"""`FrontEnd`: from the features of a schema to one vector per row."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.configured_layer import ConfiguredLayer
from tfrec_mt.layers.fused_embedding import FusedEmbedding
from tfrec_mt.layers.hash_retrieval import HashRetrieval
from tfrec_mt.layers.target_attention import TargetAttention
from tfrec_mt.schema import CategoricalFeature, Feature, History, Schema
from tfrec_mt.schema.code_tables import feature_tables
from tfrec_mt.schema.features import AGE_ROWS
from tfrec_mt.schema.schema import HISTORY_AGE, HISTORY_PREFIX

# Pieces of a batch whose long histories are searched in parallel.
_PIECES = 8


@keras.saving.register_keras_serializable("tfrec_mt")
class FrontEnd(ConfiguredLayer):
    """Embeddings and sequence modules, shared by all ranking models (IAK paper, 5.2).

    Every row is one user with N targets; in training N is 1. The user's side, history included, is
    embedded once, whatever N is.

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
      candidates: Whether item features have the axis N.

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
        history = self.schema.history
        self._attentions: list[keras.layers.Layer] = []
        if history:
            tables |= {HISTORY_PREFIX + name: tables[name] for name in history.elements}
            if history.time_gaps:
                rows["age"] = AGE_ROWS
                tables[HISTORY_AGE] = "age"
            self._attentions.append(TargetAttention(heads, head_width, name="short_sequence"))
            if history.long:
                self._retrieval = HashRetrieval(min(long_top, history.long), name="long_retrieval")
                self._attentions.append(TargetAttention(heads, head_width, name="long_sequence"))
        self.embedding = FusedEmbedding(rows, tables, width, name="embedding")

    def build(self, features_shape: Any = None) -> None:
        self.embedding.build()
        history = self.schema.history
        if history:
            target = (None, None, self.width * len(history.elements))
            element = (None, None, target[2] + self.width * history.time_gaps)
            for attention in self._attentions:
                attention.build(target, element)
            if history.long:
                self._retrieval.build(target, target)
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
        user = self._vectors(self.schema.side("user", "context"), features, self.base_topics)
        items = self._vectors(self.schema.side("item"), features)
        parts = items if candidates else [part[:, tf.newaxis] for part in items]
        if self.schema.history:
            parts += self._interests(self.schema.history, features, candidates)
        # [B, N, *]
        item_side = tf.concat(parts, axis=-1)
        shape = tf.shape(item_side)
        if user:
            user_side = tf.concat(user, axis=-1)[:, tf.newaxis]
            user_side = tf.broadcast_to(user_side, [shape[0], shape[1], user_side.shape[-1]])
            item_side = tf.concat([user_side, item_side], axis=-1)
        return tf.reshape(item_side, [shape[0] * shape[1], self.output_width])

    def embedded(
        self, features: Mapping[str, Any], names: Sequence[str], candidates: bool = False
    ) -> Any:
        """Embeddings of some features or topics, at least one, for every row: `[B * N, F * D]`."""
        items = {feature.name for feature in self.schema.side("item")}
        return self.embedding(
            {
                name: tf.reshape(features[name], [-1])
                if name in items
                else self.repeated(features[name], features, candidates)
                for name in names
            }
        )

    def repeated(self, codes: Any, features: Mapping[str, Any], candidates: bool) -> Any:
        """A request's values `[B]` for each of its rows: `[B * N]`."""
        if not candidates:
            return codes
        item = next(feature.name for feature in self.schema.side("item"))
        return tf.repeat(codes, tf.shape(features[item])[1])

    def single_places(self) -> dict[str, int]:
        """First output column of each embedding of a single code."""
        found, column = {}, 0
        sides = ((("user", "context"), self.base_topics), (("item",), ()))
        for names, topics in sides:
            single, bags, numbers = self._sorted(self.schema.side(*names), topics)
            for name in single:
                found[name] = column
                column += self.width
            column += len(bags) * self.width + len(numbers)
        return found

    def _vectors(
        self,
        side: Iterable[Feature],
        features: Mapping[str, Any],
        topics: Sequence[str] = (),
    ) -> list[Any]:
        """Single codes and topics embedded together, then means of bags, then plain numbers."""
        single, bags, numbers = self._sorted(side, topics)
        vectors = [self.embedding({n: features[n] for n in single})] if single else []
        vectors += [self._mean(name, features[name]) for name in bags]
        return vectors + [
            tf.cast(features[name], self.compute_dtype)[..., tf.newaxis] for name in numbers
        ]

    def _sorted(
        self, side: Iterable[Feature], topics: Sequence[str]
    ) -> tuple[list[str], list[str], list[str]]:
        """Names of single codes (topics last), of bags, and of plain numbers."""
        single, bags, numbers = list[str](), list[str](), list[str]()
        for feature in side:
            if feature.name not in self.embedding.feature_tables:
                numbers.append(feature.name)
            elif isinstance(feature, CategoricalFeature) and feature.max_values > 1:
                bags.append(feature.name)
            else:
                single.append(feature.name)
        return [*single, *topics], bags, numbers

    def _mean(self, name: str, codes: Any) -> Any:
        """Mean embedding of the filled places of a bag, `[..., V] -> [..., D]`."""
        embedded = self.embedding({name: codes})
        filled = tf.cast(codes > 0, embedded.dtype)[..., tf.newaxis]
        count = tf.maximum(tf.reduce_sum(filled, axis=-2), 1.0)
        return tf.reduce_sum(embedded * filled, axis=-2) / count

    def _interests(
        self, history: History, features: Mapping[str, Any], candidates: bool
    ) -> list[Any]:
        targets = self.embedding({name: features[name] for name in history.elements})
        if not candidates:
            targets = targets[:, tf.newaxis]
        names = [HISTORY_PREFIX + name for name in history.elements]
        # rows of the table [B, L, E] and [B, L, 1], and which of them are clicks
        rows = self.embedding.rows({name: features[name] for name in names})
        ages = (
            [self.embedding.rows({HISTORY_AGE: features[HISTORY_AGE]})] if history.time_gaps else []
        )
        mask = features[names[0]] > 0
        short = slice(history.short)
        newest = [values[:, short] for values in (rows, *ages)]
        recent, steps = self.embedding.gather_in_steps(tf.concat(newest, axis=-1))
        interests = [self._attentions[0](targets, recent, mask[:, short], steps)]
        if history.long:
            # all elements are embedded for hashing, and those found are embedded again for
            # training: a gradient for every element of a long history would cost more than all else
            places = self._retrieve(targets, rows, mask)
            # [B, N, top, E + 1]
            found = [tf.gather(values, places, batch_dims=1) for values in (rows, *ages)]
            relevant, steps = self.embedding.gather_in_steps(tf.concat(found, axis=-1))
            seen = tf.gather(mask, places, batch_dims=1)
            interests.append(self._attentions[1](targets, relevant, seen, steps))
        return interests

    def _retrieve(self, targets: Any, rows: Any, mask: Any) -> Any:
        """Places of the most similar clicks, `[B, N, top]`.

        Searching in pieces keeps all cores busy and values in their caches.
        """
        size = rows.shape[0]
        pieces = 1 if size is None or size % _PIECES else _PIECES
        found = []
        for target, row, seen in zip(
            *(tf.split(values, pieces) for values in (targets, rows, mask)), strict=True
        ):
            clicks, steps = self.embedding.gather_in_steps(row)
            found.append(self._retrieval(target, tf.stop_gradient(clicks), seen, steps))
        return tf.concat(found, axis=0)

    def compute_output_shape(self, features_shape: Any) -> tuple[int | None, ...]:
        return (None, self.output_width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "schema": self.schema.to_json()}

"""`PackedBert`: a BERT's vectors of titles at the cost of the real tokens alone."""

from typing import Any, Literal

import keras_hub
import tensorflow as tf

from tfrec_mt.layers.lean_gradients import gelu, layer_norm
from tfrec_mt.layers.packed_rows import PackedRows

_MASKED = -1e9
Pooling = Literal["cls", "mean"]
POOLINGS: tuple[Pooling, ...] = ("cls", "mean")


class PackedBert:
    """Computes what `BertBackbone` does, up to rounding, as far as a title's vector needs it.

    - Padding is left out of everything but the attention among a title's tokens.
    - If the vector is that of [CLS], nothing else goes through query, output and feed-forward part
      of the last layer.
    - Query, key and value are one matrix product.
    - The pooler is left out.

    The backbone keeps the weights, so presets, LoRA and saving are Keras' own.

    Args:
      backbone: Its weights and dropout layers are used.
      pooling: Whether a title's vector is that of [CLS] or the mean over its tokens.
      compute_dtype: Type of matrix products and what lies between them; layer norms, softmax and
        the result are float32.
    """

    def __init__(
        self,
        backbone: keras_hub.models.BertBackbone,
        pooling: Pooling = "cls",
        compute_dtype: tf.DType = tf.float32,
    ) -> None:
        self.backbone = backbone
        self.pooling = pooling
        self.compute_dtype = compute_dtype

    def __call__(self, tokens: Any, training: bool = False) -> Any:
        """float32 `[U, D]` for word pieces `[U, T]` whose first is [CLS] and whose padding is 0."""
        # [CLS] is real even where its id is the padding's
        mask = (tokens > 0) | (tf.range(tf.shape(tokens)[1]) == 0)
        packed = PackedRows.of(mask)
        hidden = self._embed(tokens, packed, training)
        scores_mask = tf.where(mask, 0.0, _MASKED)[:, tf.newaxis, tf.newaxis]
        *layers, last = self.backbone.transformer_layers
        for layer in layers:
            hidden = self._layer(layer, hidden, packed, scores_mask, None, training)
        # place of each title's [CLS] among the packed tokens
        only = packed.ranks[:, 0] if self.pooling == "cls" else None
        hidden = self._layer(last, hidden, packed, scores_mask, only, training)
        hidden = tf.cast(hidden, tf.float32)
        if self.pooling == "mean":
            return tf.math.segment_mean(hidden, packed.places // tf.shape(tokens)[1])
        return hidden

    def _embed(self, tokens: Any, packed: PackedRows, training: bool) -> Any:
        """`[N, D]`."""
        backbone = self.backbone
        length = tf.shape(tokens)[1]
        ids = tf.gather(tf.reshape(tokens, [-1]), packed.places)
        positions = backbone.position_embedding.position_embeddings.value[:length]
        rows = tf.gather(backbone.token_embedding.embeddings.value, ids)
        rows += tf.gather(positions, packed.places % length)
        rows += backbone.segment_embedding.embeddings.value[0]
        hidden = self._norm(backbone.embeddings_layer_norm, rows)
        return self._drop(backbone.embeddings_dropout, hidden, training)

    def _layer(
        self, layer: Any, hidden: Any, packed: PackedRows, mask: Any, only: Any, training: bool
    ) -> Any:
        """One layer, `[N, D] -> [N, D]`, or `[U, D]` for the places `only` of each title."""
        asking = hidden if only is None else tf.gather(hidden, only)
        attended = self._attend(layer._self_attention_layer, hidden, asking, packed, mask, training)
        attended = self._drop(layer._self_attention_dropout, attended, training)
        hidden = self._norm(layer._self_attention_layer_norm, attended + asking)
        inner = self._dense(layer._feedforward_intermediate_dense, hidden)
        inner = gelu(inner)
        outer = self._dense(layer._feedforward_output_dense, inner)
        outer = self._drop(layer._feedforward_dropout, outer, training)
        return self._norm(layer._feedforward_layer_norm, outer + hidden)

    def _attend(
        self,
        attention: Any,
        hidden: Any,
        asking: Any,
        packed: PackedRows,
        mask: Any,
        training: bool,
    ) -> Any:
        heads, width = attention.num_heads, attention.key_dim
        query, key, value = attention.query_dense, attention.key_dense, attention.value_dense
        if asking is hidden:
            query, key, value = self._split(
                packed.unpack(self._projected(hidden, query, key, value)), 3, heads, width
            )
        else:
            query = self._projected(asking, query)[:, tf.newaxis]
            (query,) = self._split(query, 1, heads, width)
            key, value = self._split(
                packed.unpack(self._projected(hidden, key, value)), 2, heads, width
            )
        # [U, H, T, T]
        scores = tf.matmul(query * tf.cast(width**-0.5, query.dtype), key, transpose_b=True)
        weights = tf.nn.softmax(tf.cast(scores, tf.float32) + mask)
        weights = self._drop(attention._dropout_layer, weights, training)
        # [U, H, T, d] -> [U, T, H * d]
        attended = tf.transpose(
            tf.matmul(tf.cast(weights, self.compute_dtype), value), [0, 2, 1, 3]
        )
        titles, length = tf.shape(attended)[0], tf.shape(attended)[1]
        attended = tf.reshape(attended, [titles, length, heads * width])
        attended = packed.pack(attended) if asking is hidden else attended[:, 0]
        return self._dense(attention.output_dense, attended)

    def _projected(self, rows: Any, *layers: Any) -> Any:
        """The layers' outputs side by side, `[N, D] -> [N, layers * D]`."""
        width = rows.shape[-1]
        kernel = tf.concat([tf.reshape(each.kernel, [width, -1]) for each in layers], axis=1)
        bias = tf.concat([tf.reshape(each.bias, [-1]) for each in layers], axis=0)
        return self._affine(rows, kernel, bias)

    def _split(self, values: Any, parts: int, heads: int, width: int) -> list[Any]:
        """`[U, T, parts * H * d]` as parts of `[U, H, T, d]`."""
        shape = tf.shape(values)
        values = tf.reshape(values, [shape[0], shape[1], parts, heads, width])
        return tf.unstack(tf.transpose(values, [2, 0, 3, 1, 4]))

    def _dense(self, layer: Any, rows: Any) -> Any:
        kernel = tf.reshape(layer.kernel, [rows.shape[-1], -1])
        return self._affine(rows, kernel, layer.bias.value)

    def _affine(self, rows: Any, kernel: Any, bias: Any) -> Any:
        kernel, bias = tf.cast(kernel, self.compute_dtype), tf.cast(bias, self.compute_dtype)
        return tf.nn.bias_add(tf.matmul(rows, kernel), bias)

    def _drop(self, layer: Any, rows: Any, training: bool) -> Any:
        # Keras' layers cast what they get to their own type
        if not training or not layer.rate:
            return rows
        return tf.cast(layer(rows, training=True), rows.dtype)

    def _norm(self, layer: Any, rows: Any) -> Any:
        rows = tf.cast(rows, tf.float32)
        # read, so that the gradients are those of tensors and find their way to the variables
        gamma, beta = tf.identity(layer.gamma.value), tf.identity(layer.beta.value)
        return tf.cast(layer_norm(rows, gamma, beta, layer.epsilon), self.compute_dtype)

"""`PackedBert`: a BERT's vectors of titles, at the cost of real tokens only."""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import tensorflow as tf

from tfrec_mt.layers.additive_attention import AdditiveAttention
from tfrec_mt.layers.lean_gradients import add_bias, gelu, norm_of_sum
from tfrec_mt.layers.packed_rows import PackedRows

if TYPE_CHECKING:
    import keras_hub

_MASKED = -1e9
# From this width on, compiling what lies between the matrix products is worth its time.
_WIDE = 128
Pooling = Literal["cls", "mean", "attention"]
POOLINGS: tuple[Pooling, ...] = ("cls", "mean", "attention")


class _Pass(NamedTuple):
    """What all layers of one pass share: layout, mask `[U, 1, 1, T]` of scores, dropout, XLA."""

    packed: PackedRows
    mask: Any
    training: bool
    compiled: bool


class PackedBert:
    """Computes what `BertBackbone` does, up to rounding, as far as a title's vector needs it.

    - Padding is left out of everything but the attention among a title's tokens.
    - If the vector is that of [CLS], only [CLS] goes through query, output and feed-forward part of
      the last layer.
    - Query, key and value are one matrix product; the pooler is left out.
    - In training, XLA compiles the operations between the matrix products of a wide BERT. Elsewhere
      it does not, as servers may have no XLA.

    The backbone keeps the weights, so presets, LoRA and saving are Keras' own.

    Args:
      backbone: Its weights and dropout layers are used.
      pooling: Whether a title's vector is that of [CLS], the mean over its tokens, or their
        weighted mean.
      attention: Weighs the tokens.
      compute_dtype: Type of matrix products and operations between them; layer norms, softmax and
        the result are float32.
    """

    def __init__(
        self,
        backbone: "keras_hub.models.BertBackbone",
        pooling: Pooling = "cls",
        attention: AdditiveAttention | None = None,
        compute_dtype: tf.DType = tf.float32,
    ) -> None:
        self.backbone = backbone
        self.pooling = pooling
        self.attention = attention
        self.compute_dtype = compute_dtype

    def __call__(self, tokens: Any, training: bool = False) -> Any:
        """float32 `[U, D]` for word pieces `[U, T]` whose first is [CLS] and whose padding is 0."""
        # [CLS] is real even where its id is the padding's
        mask = (tokens > 0) | (tf.range(tf.shape(tokens)[1]) == 0)
        compiled = training and self.backbone.hidden_dim >= _WIDE
        packed = PackedRows.of(mask, few_sizes=compiled)
        scores_mask = tf.where(mask, 0.0, _MASKED)[:, tf.newaxis, tf.newaxis]
        run = _Pass(packed, scores_mask, training, compiled)
        hidden = self._embed(tokens, run)
        *layers, last = self.backbone.transformer_layers
        for layer in layers:
            hidden = self._layer(layer, hidden, None, run)
        # place of each title's [CLS] among the packed tokens
        only = packed.ranks[:, 0] if self.pooling == "cls" else None
        hidden = self._layer(last, hidden, only, run)
        if self.pooling == "cls":
            return tf.cast(hidden, tf.float32)
        if self.attention is not None:
            vectors = self.attention.pooled(hidden, packed.owners())
        else:
            vectors = tf.math.segment_mean(tf.cast(hidden, tf.float32), packed.owners())
        return vectors[: tf.shape(tokens)[0]]  # followed by that of filler

    def _embed(self, tokens: Any, run: _Pass) -> Any:
        """Embeddings of the packed tokens, `[R, D]`."""
        backbone = self.backbone
        titles, length = tf.unstack(tf.shape(tokens))
        ids = run.packed.take(tf.reshape(tokens, [-1]))
        places = run.packed.take(tf.tile(tf.range(length), [titles]))
        hidden = self._norm(
            backbone.embeddings_layer_norm,
            tf.gather(backbone.token_embedding.embeddings.value, ids),
            tf.identity(backbone.segment_embedding.embeddings.value[0]),
            tf.gather(backbone.position_embedding.position_embeddings.value[:length], places),
            run,
        )
        hidden = tf.cast(hidden, self.compute_dtype)
        return self._drop(backbone.embeddings_dropout, hidden, run)

    def _layer(self, layer: Any, hidden: Any, only: Any, run: _Pass) -> Any:
        """One layer, `[R, D] -> [R, D]`, or `[U, D]` for the rows `only` of each title."""
        # few rows are needed, and their number differs between batches
        asking, some = hidden, run
        if only is not None:
            asking, some = tf.gather(hidden, only), run._replace(compiled=False)
        attention = layer._self_attention_layer
        hidden = self._join(
            self._attend(attention, hidden, asking, run),
            attention.output_dense,
            layer._self_attention_dropout,
            asking,
            layer._self_attention_layer_norm,
            some,
        )
        wide = layer._feedforward_intermediate_dense
        inner = gelu(self._product(hidden, wide), tf.identity(wide.bias.value), some.compiled)
        return self._join(
            inner,
            layer._feedforward_output_dense,
            layer._feedforward_dropout,
            hidden,
            layer._feedforward_layer_norm,
            some,
        )

    def _join(self, rows: Any, dense: Any, dropout: Any, others: Any, norm: Any, run: _Pass) -> Any:
        """The norm of a dense layer's output for `rows`, added to `others`."""
        product, bias = self._product(rows, dense), tf.identity(dense.bias.value)
        if run.training and dropout.rate:
            product = self._drop(dropout, add_bias(product, bias, run.compiled), run)
            bias = tf.zeros_like(bias)
        return self._norm(norm, product, bias, others, run)

    def _attend(self, attention: Any, hidden: Any, asking: Any, run: _Pass) -> Any:
        """The heads' outputs side by side, `[R, H * d]` or `[U, H * d]`."""
        query, key, value = attention.query_dense, attention.key_dense, attention.value_dense
        if asking is hidden:
            rows = run.packed.unpack(self._projected(attention, hidden, run, query, key, value))
            query, key, value = self._split(rows, attention, 3)
        else:
            one = self._projected(attention, asking, run._replace(compiled=False), query)
            (query,) = self._split(one[:, tf.newaxis], attention, 1)
            rows = run.packed.unpack(self._projected(attention, hidden, run, key, value))
            key, value = self._split(rows, attention, 2)
        # [U, H, T, T]
        scores = tf.matmul(query, key, transpose_b=True)
        weights = tf.nn.softmax(tf.cast(scores, tf.float32) + run.mask)
        weights = self._drop(attention._dropout_layer, weights, run)
        # [U, H, T, d] -> [U, T, H * d]
        attended = tf.matmul(tf.cast(weights, self.compute_dtype), value)
        attended = tf.transpose(attended, [0, 2, 1, 3])
        titles, length = tf.shape(attended)[0], tf.shape(attended)[1]
        width = attention.num_heads * attention.key_dim
        attended = tf.reshape(attended, [titles, length, width])
        return run.packed.pack(attended) if asking is hidden else attended[:, 0]

    def _projected(self, attention: Any, rows: Any, run: _Pass, *layers: Any) -> Any:
        """The attention's layers side by side, `[N, D] -> [N, layers * D]`; queries are scaled."""
        width = rows.shape[-1]
        scales = [attention.key_dim**-0.5 if e is attention.query_dense else 1.0 for e in layers]
        kernels = [
            s * tf.reshape(e.kernel, [width, -1]) for s, e in zip(scales, layers, strict=True)
        ]
        biases = [s * tf.reshape(e.bias, [-1]) for s, e in zip(scales, layers, strict=True)]
        kernel, bias = tf.concat(kernels, axis=1), tf.concat(biases, axis=0)
        return add_bias(tf.matmul(rows, tf.cast(kernel, rows.dtype)), bias, run.compiled)

    def _split(self, values: Any, attention: Any, parts: int) -> list[Any]:
        """`[U, T, parts * H * d]` as parts of `[U, H, T, d]`."""
        shape = [*tf.unstack(tf.shape(values)[:2]), parts, attention.num_heads, attention.key_dim]
        values = tf.reshape(values, shape)
        return tf.unstack(tf.transpose(values, [2, 0, 3, 1, 4]))

    def _product(self, rows: Any, layer: Any) -> Any:
        """A dense layer without its bias."""
        kernel = tf.reshape(layer.kernel, [rows.shape[-1], -1])
        return tf.matmul(rows, tf.cast(kernel, rows.dtype))

    def _drop(self, layer: Any, rows: Any, run: _Pass) -> Any:
        # Keras' layers cast their inputs to their own type
        if not run.training or not layer.rate:
            return rows
        return tf.cast(layer(rows, training=True), rows.dtype)

    def _norm(self, layer: Any, rows: Any, bias: Any, others: Any, run: _Pass) -> Any:
        # read as tensors, through which gradients reach the variables
        gamma, beta = tf.identity(layer.gamma.value), tf.identity(layer.beta.value)
        return norm_of_sum(rows, bias, others, gamma, beta, layer.epsilon, run.compiled)

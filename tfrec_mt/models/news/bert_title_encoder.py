"""`BertTitleEncoder`: titles encoded by a BERT."""

from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.configs.choices import Precision
from tfrec_mt.layers.additive_attention import AdditiveAttention
from tfrec_mt.layers.dense_net import check_precision
from tfrec_mt.models.news.packed_bert import POOLINGS, PackedBert, Pooling
from tfrec_mt.models.news.title_encoder import TitleEncoder
from tfrec_mt.quiet_start import import_keras_hub
from tfrec_mt.schema import SchemaError

# Sizes named alike in a BERT's configuration and constructor, except the number of layers.
_SIZES = (
    *("vocabulary_size", "num_heads", "hidden_dim"),
    *("intermediate_dim", "max_sequence_length", "num_segments"),
)


@keras.saving.register_keras_serializable("tfrec_mt")
class BertTitleEncoder(TitleEncoder):
    """Encodes a title with a BERT, which is trained as a whole or through LoRA alone.

    With LoRA every weight of the BERT is frozen, and the kernels of its attention's query, key,
    value and output become `W + lora_alpha / lora_rank * A B`, through Keras' own mechanism.
    (`keras_hub`'s `Backbone.enable_lora` offers no alpha and knows query and value only.)

    Args:
      vocabulary_size: Word pieces.
      num_layers, num_heads, hidden_dim, intermediate_dim, max_sequence_length, num_segments: See
        `keras_hub.models.BertBackbone`. Weights are random; `from_preset` brings trained ones.
      dropout: The BERT's own, also of its attention.
      pooling: Whether a title's vector is that of [CLS], the mean over its tokens, or their mean
        weighted by additive attention.
      title_width: Width of a dense layer behind that; None for none. A dot product of vectors
        that a BERT made for something else also counts what does not matter for clicks, and
        LoRA cannot take that away.
      lora_rank: Rank of LoRA; 0 trains the BERT itself.
      lora_alpha: Its scale; by default the rank.
      precision: Type of matrix products; weights, their updates and sums are float32.

    Reference:
      MTRec, 2.2.1 and 2.6 (r = 16, alpha = 4). Attention and dense layer: Wu et al. 2021,
      Empowering News Recommendation with Pre-trained Language Models.
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int = 2,
        num_heads: int = 2,
        hidden_dim: int = 32,
        intermediate_dim: int = 64,
        max_sequence_length: int = 64,
        num_segments: int = 2,
        dropout: float = 0.0,
        pooling: Pooling = "cls",
        title_width: int | None = None,
        lora_rank: int = 0,
        lora_alpha: float | None = None,
        precision: Precision = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, got {pooling!r}")
        self.pooling: Pooling = pooling
        self.title_width = title_width
        self.bert_config: dict[str, Any] = {
            "vocabulary_size": vocabulary_size,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "hidden_dim": hidden_dim,
            "intermediate_dim": intermediate_dim,
            "max_sequence_length": max_sequence_length,
            "num_segments": num_segments,
            "dropout": dropout,
        }
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else lora_rank
        keras_hub = import_keras_hub()  # takes 150 MB, which ranking models do not need

        self.backbone = keras_hub.models.BertBackbone(**self.bert_config, name="bert")
        self.backbone.pooled_dense.trainable = False  # not used
        shape = (None, self.backbone.hidden_dim)
        self.attention: AdditiveAttention | None = None
        if pooling == "attention":
            self.attention = AdditiveAttention(name="token_pooling")
            self.attention.build(shape)
        self.projection: keras.layers.Dense | None = None
        if title_width is not None:
            # vectors of about length 1, so that initial scores do not tell titles apart
            scale = keras.initializers.VarianceScaling(1.0 / title_width, "fan_in")
            self.projection = keras.layers.Dense(
                title_width, kernel_initializer=scale, name="projection"
            )
            self.projection.build(shape)
        self.set_precision(precision)
        if lora_rank:
            self._enable_lora()
        self.built = True

    @classmethod
    def from_preset(
        cls, preset: str, layers: int | None = None, **settings: Any
    ) -> "BertTitleEncoder":
        """An encoder with the weights of a BERT: a keras_hub preset or a Hugging Face folder.

        Args:
          preset: Its name or folder.
          layers: How many of its layers to keep, from the embeddings up; by default all. Titles
            are short, and fewer layers are faster by as much.
          **settings: Arguments apart from those that give the BERT's sizes.

        Raises:
          SchemaError: keras_hub finds no BERT there, or it has fewer layers.

        Reference:
          Sajjad et al. 2023, On the effect of dropping layers of pre-trained transformer models.
        """
        keras_hub = import_keras_hub()

        try:
            source = keras_hub.models.BertBackbone.from_preset(preset)
        except (ValueError, OSError, KeyError) as error:
            raise SchemaError(f"{preset}: no BERT that keras_hub can read: {error}") from error
        if layers is not None and not 1 <= layers <= source.num_layers:
            raise SchemaError(
                f"{preset}: expected 1 to {source.num_layers} layers to keep, got {layers}"
            )
        sizes = {name: getattr(source, name) for name in _SIZES}
        encoder = cls(**sizes, num_layers=layers or source.num_layers, **settings)
        trained = {weight.path: weight for weight in source.weights}
        for weight in encoder.backbone.weights:
            if weight.name not in ("lora_kernel_a", "lora_kernel_b"):
                weight.assign(trained[weight.path])
        return encoder

    @property
    def width(self) -> int:
        return int(self.title_width or self.backbone.hidden_dim)

    def set_precision(self, precision: Precision) -> None:
        """Changes the type of matrix products, not of weights.

        Raises:
          ValueError: There is no such type.
        """
        check_precision(precision)
        self.precision: Precision = precision
        self._forward = PackedBert(
            self.backbone, self.pooling, self.attention, tf.as_dtype(precision)
        )

    def call(self, tokens: Any, training: bool = False) -> Any:
        vectors = self._forward(tokens, training)
        return vectors if self.projection is None else self.projection(vectors)

    def merged(self) -> "BertTitleEncoder":
        """An equivalent encoder with LoRA merged into its weights."""
        plain = BertTitleEncoder.from_config(
            {**self.get_config(), "lora_rank": 0, "lora_alpha": None}
        )
        for own, other in zip(self._flatten_layers(), plain._flatten_layers(), strict=True):
            if getattr(own, "lora_enabled", False):
                other.kernel.assign(own.kernel)
                other.bias.assign(own.bias)
            elif not list(own._flatten_layers(include_self=False)):
                other.set_weights(own.get_weights())
        return plain

    def _enable_lora(self) -> None:
        for layer in self.backbone._flatten_layers(include_self=False):
            # parents stay trainable: a frozen one would hide its LoRA
            if not list(layer._flatten_layers(include_self=False)):
                layer.trainable = False
        for layer in self.backbone.transformer_layers:
            attention = layer._self_attention_layer
            for name in ("query_dense", "key_dense", "value_dense", "output_dense"):
                dense = getattr(attention, name)
                dense.trainable = True
                dense.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)
                dense.bias.trainable = False

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.bert_config}

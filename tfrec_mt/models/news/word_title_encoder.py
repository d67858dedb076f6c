"""`WordTitleEncoder`: titles without a language model."""

from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.additive_attention import AdditiveAttention
from tfrec_mt.layers.self_attention import SelfAttention
from tfrec_mt.models.news.title_encoder import TitleEncoder


@keras.saving.register_keras_serializable("tfrec_mt")
class WordTitleEncoder(TitleEncoder):
    """Word-piece embeddings, optionally self attention among them, and additive attention.

    With heads it is the title encoder of NRMS, over word pieces instead of words. Without heads, a
    title is a weighted bag of word pieces.

    Args:
      vocabulary_size: Word pieces.
      embedding_width: Width of their vectors.
      heads: Heads of the self attention; 0 leaves it out.
      head_width: Width of a head.
      attention_units: See `AdditiveAttention`.
      dropout: Dropout behind embeddings and self attention.

    Reference:
      Wu et al. 2019, Neural News Recommendation with Multi-Head Self-Attention, 2.1.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_width: int = 128,
        heads: int = 0,
        head_width: int = 16,
        attention_units: int = 200,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_width = embedding_width
        self.heads = heads
        self.head_width = head_width
        self.attention_units = attention_units
        self.dropout = dropout
        self.table = self.add_weight(
            name="word_pieces",
            shape=(vocabulary_size, embedding_width),
            initializer=keras.initializers.RandomNormal(stddev=0.1),
        )
        self.mixing = SelfAttention(heads, head_width, name="mixing") if heads else None
        if self.mixing is not None:
            self.mixing.build((None, None, embedding_width))
        self.pooling = AdditiveAttention(attention_units, name="pooling")
        self.pooling.build((None, None, self.width))
        self.dropping = keras.layers.Dropout(dropout)
        self.built = True

    @property
    def width(self) -> int:
        return self.heads * self.head_width if self.heads else self.embedding_width

    def call(self, tokens: Any, training: bool = False) -> Any:
        mask = tokens > 0
        # gathered from the variable itself: its gradient is row-sparse. [U, T, D]
        words = self.dropping(tf.gather(self.table.value, tokens), training=training)
        if self.mixing is not None:
            words = self.dropping(self.mixing(words, mask), training=training)
        return self.pooling(words, mask)

"""`UserEncoder`: one vector for the titles that a user clicked."""

from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.additive_attention import AdditiveAttention
from tfrec_mt.layers.configured_layer import ConfiguredLayer
from tfrec_mt.layers.self_attention import SelfAttention


@keras.saving.register_keras_serializable("tfrec_mt")
class UserEncoder(ConfiguredLayer):
    """Additive attention over clicked titles, optionally after self attention among them.

    Args:
      heads: Heads of the self attention, which must divide the titles' width; 0 leaves it out.
      attention_units: See `AdditiveAttention`.

    Call arguments:
      titles: `[B, H, D]`.
      mask: `[B, H]` booleans, false for padding.

    Returns:
      `[B, D]`; zeros for a user without clicks.

    Raises:
      ValueError: The heads do not divide the titles' width.

    Reference:
      MTRec, equation 1; with heads Wu et al. 2019 (NRMS), 2.2.
    """

    def __init__(self, heads: int = 0, attention_units: int = 200, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.attention_units = attention_units
        self.pooling = AdditiveAttention(attention_units, name="pooling")
        self.mixing: SelfAttention | None = None

    def build(self, titles_shape: Any, mask_shape: Any = None) -> None:
        width = titles_shape[-1]
        if self.heads:
            if width % self.heads:
                raise ValueError(
                    f"user encoder: expected heads that divide the titles' width {width}, "
                    f"got {self.heads}"
                )
            self.mixing = SelfAttention(self.heads, width // self.heads, name="mixing")
            self.mixing.build(titles_shape)
        self.pooling.build(titles_shape)
        self.built = True

    def call(self, titles: Any, mask: Any) -> Any:
        if self.mixing is not None:
            titles = self.mixing(titles, mask)
        return self.pooling(titles, mask)

    def of_titles(self, titles: Any, history: Any, mask: Any) -> Any:
        """Users' vectors from histories `[B, H]` of places in titles `[U, D]`, each scored once."""
        clicked = tf.gather(titles, history)
        if self.mixing is not None:  # a click's vector then differs between histories
            return self(clicked, mask)
        return self.pooling.weighted(tf.gather(self.pooling.scores(titles), history), clicked, mask)

    def compute_output_shape(self, titles_shape: Any, mask_shape: Any = None) -> tuple[Any, ...]:
        return (titles_shape[0], titles_shape[-1])

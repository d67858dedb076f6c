"""`DebiasTower`: the effect of an exposure on clicks, apart from preference."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.configured_layer import ConfiguredLayer
from tfrec_mt.layers.dense_net import DenseNet
from tfrec_mt.layers.fused_embedding import FusedEmbedding
from tfrec_mt.losses.over_replicas import mean_over_replicas, replicas
from tfrec_mt.schema import CategoricalFeature, Schema, SchemaError
from tfrec_mt.schema.code_tables import feature_tables


@keras.saving.register_keras_serializable("tfrec_mt")
class DebiasTower(ConfiguredLayer):
    """A shallow net over exposure features whose output is added to the click logit in training.

    The logarithm of the batch's mean odds is subtracted from its output, so that the click logit
    without the tower, as used in serving, is that of an average exposure.

    Args:
      schema: A schema, or its JSON, whose exposure features are single codes.
      width: Embedding width.
      units: Hidden layers.

    Call arguments:
      features: Codes by name, `[B]` each.

    Returns:
      `[B, 1]` logits.

    Raises:
      SchemaError: An exposure feature is a bag or not discretised.

    Reference:
      IAK paper, 5.2, fourth part of OLR.
    """

    def __init__(
        self, schema: Schema | str, width: int = 8, units: Sequence[int] = (16,), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.schema = schema if isinstance(schema, Schema) else Schema.from_json(schema)
        self.width = width
        self.units = tuple(units)
        for feature in self.schema.side("exposure"):
            if not isinstance(feature, CategoricalFeature):
                if feature.buckets is None:
                    raise SchemaError(
                        f"exposure feature {feature.name!r} must be discretised: set buckets"
                    )
            elif feature.max_values > 1:
                raise SchemaError(
                    f"exposure feature {feature.name!r}: expected one id per row, "
                    f"max_values is {feature.max_values}"
                )
        self.embedding = FusedEmbedding(
            *feature_tables(self.schema, self.schema.side("exposure")), width, name="embedding"
        )
        self._net = DenseNet(units, name="net")
        self._logit = keras.layers.Dense(1, use_bias=False, name="logit")

    def build(self, features_shape: Any = None) -> None:
        self.embedding.build()
        self._net.build((None, self.width * len(self.embedding.feature_tables)))
        self._logit.build((None, self.units[-1]))
        self.built = True

    def effect(self, features: Mapping[str, Any]) -> Any:
        """The effect on the click logit up to a constant, `[B, 1]`."""
        names = list(self.embedding.feature_tables)
        embedded = self.embedding({name: features[name] for name in names})
        return self._logit(self._net(embedded))

    def call(self, features: Mapping[str, Any]) -> Any:
        effect = self.effect(features)
        rows = keras.ops.cast(keras.ops.size(effect), effect.dtype)
        return effect - _log_sum_exp(effect) + keras.ops.log(rows)

    def compute_output_shape(self, features_shape: Any) -> tuple[int | None, ...]:
        return (None, 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "schema": self.schema.to_json()}


def _log_sum_exp(effect: Any) -> Any:
    """Logarithm of the sum of exponentials; of replicas that share a batch, of their mean sum."""
    if replicas() == 1:
        return keras.ops.logsumexp(effect)
    largest = tf.stop_gradient(mean_over_replicas(tf.reduce_max(effect)))
    return largest + tf.math.log(mean_over_replicas(tf.reduce_sum(tf.exp(effect - largest))))

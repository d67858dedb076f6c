"""`STAR`: one model for many domains, each with its own weights around shared ones."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.configs.bounds import Counts
from tfrec_mt.layers.dense_net import DenseNet
from tfrec_mt.layers.star_net import StarNet
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import Schema, SchemaError
from tfrec_mt.schema.code_tables import domain_table


@keras.saving.register_keras_serializable("tfrec_mt")
class STAR(RankingModel):
    """A star of nets over one topic's domains, plus a small auxiliary net that sees the domain.

    Each task's logit is linear in both: the sum of the main and the auxiliary net's logits.

    Args:
      schema: See `RankingModel`, also for the other arguments. The domains are those of the first
        of `base_topics`.
      auxiliary_units: Layers of the auxiliary net.

    Raises:
      SchemaError: There are no `base_topics`.

    Example:
      >>> model = mt.models.STAR(log.schema, base_topics=("market",), units=(16, 8))
      >>> model.base_topics
      ('market',)

    Reference:
      Sheng et al. 2021, One Model to Serve All: Star Topology Adaptive Recommender, sections 3.3
      to 3.5.
    """

    def __init__(
        self, schema: Schema | str, auxiliary_units: Counts = (32,), **kwargs: Any
    ) -> None:
        super().__init__(schema, **kwargs)
        if not self.base_topics:
            raise SchemaError("STAR is told a row's domain: expected base_topics, got none")
        self.auxiliary_units = tuple(auxiliary_units)
        self._topic = self.base_topics[0]
        width = self.front_end.output_width
        domains = len(self.schema.topic(self._topic).domains)
        self.star = StarNet(domains, self.units, self.dropout, name="star")
        self.star.build((None, width))
        self.auxiliary = DenseNet(self.auxiliary_units, name="auxiliary")
        self.auxiliary.build((None, width))
        self._add_heads()

    @property
    def knowledge_width(self) -> int:
        return self.units[-1] + self.auxiliary_units[-1]

    def coded_weights(self) -> dict[str, Mapping[str, int]]:
        table = {domain_table(self._topic): self.star.domains + 1}
        return super().coded_weights() | {weight.path: table for weight in self.star.of_domains}

    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = False, training: bool = False
    ) -> dict[str, Any]:
        # the front end's output includes the domain's embedding
        flat = self.front_end(features, candidates=candidates)
        codes = self.front_end.repeated(features[self._topic], features, candidates)
        stars = self.star(flat, codes, training=training)
        both = tf.concat([stars, self.auxiliary(flat, training=training)], axis=-1)
        return dict.fromkeys(self.tasks, both)

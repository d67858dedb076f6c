"""`PEPNet`: one model for many domains, with gated embeddings and layers."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.configs.bounds import Count
from tfrec_mt.layers.gate_unit import GatedNet, GateUnit
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import Schema, SchemaError


@keras.saving.register_keras_serializable("tfrec_mt")
class PEPNet(RankingModel):
    """Embeddings gated by a row's domains, and each task's layers by user and item.

    EPNet: the front end's output is gated by the embeddings of the row's domains. PPNet: the inputs
    of each layer of each task's net are gated by the embeddings of user and item. Gates also see
    the numbers that they gate, but pass no gradient to them.

    Args:
      schema: See `RankingModel`, also for the other arguments; `base_topics` are the domains.
      gate_width: Width of the gates' hidden layers.

    Raises:
      SchemaError: There are no `base_topics`.

    Example:
      >>> model = mt.models.PEPNet(log.schema, base_topics=("market",), units=(16, 8))
      >>> model.base_topics
      ('market',)

    Reference:
      Chang et al. 2023, PEPNet: Parameter and Embedding Personalized Network, section 3.2.
    """

    def __init__(self, schema: Schema | str, gate_width: Count = 64, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        if not self.base_topics:
            raise SchemaError("PEPNet is told a row's domains: expected base_topics, got none")
        self.gate_width = gate_width
        keys, known = self.schema.keys, self.front_end.embedding.feature_tables
        self._ids = [name for name in (keys.user, keys.item) if name in known]
        width = self.front_end.output_width
        self.embedding_gate = GateUnit(width, gate_width, name="embedding_gate")
        self.embedding_gate.build((None, len(self.base_topics) * self.embedding_width + width))
        self.nets = {
            task: GatedNet(self.units, gate_width, self.dropout, name=f"{task}_net")
            for task in self.tasks
        }
        for net in self.nets.values():
            net.build((None, width), (None, len(self._ids) * self.embedding_width + width))
        self._add_heads()

    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = False, training: bool = False
    ) -> dict[str, Any]:
        flat = self.front_end(features, candidates=candidates)
        told = self.front_end.embedded(features, self.base_topics, candidates)
        flat *= self.embedding_gate(tf.concat([told, tf.stop_gradient(flat)], axis=-1))
        prior = tf.stop_gradient(flat)
        if self._ids:
            ids = self.front_end.embedded(features, self._ids, candidates)
            prior = tf.concat([ids, prior], axis=-1)
        return {task: net(flat, prior, training=training) for task, net in self.nets.items()}

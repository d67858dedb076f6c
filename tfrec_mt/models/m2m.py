"""`M2M`: one model for many domains, which generate the weights of its last layers."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.configs.bounds import Count, Counts
from tfrec_mt.layers.dense_net import DenseNet
from tfrec_mt.layers.meta_unit import MetaUnit
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import Schema, SchemaError


@keras.saving.register_keras_serializable("tfrec_mt")
class M2M(RankingModel):
    """Attention over experts, and towers, with weights generated from a row's domains.

    A row's domains and user determine its scenario knowledge. From it, the weights of each task's
    attention over the experts' views and of its residual tower are generated.

    Args:
      schema: See `RankingModel`, also for the other arguments; `base_topics` are the domains.
      experts: Number of experts.
      view_width: Width `D` of a view, of a task's vector and of the towers. A row's generated
        weights are `4 D^2` for the attention and `D^2` for each task's tower.
      knowledge_units: Layers of the net that makes the scenario knowledge.

    Raises:
      SchemaError: There are no `base_topics`.

    Example:
      >>> model = mt.models.M2M(log.schema, base_topics=("market",), units=(16, 8))
      >>> model.base_topics
      ('market',)

    Reference:
      Zhang et al. 2022, Leaving No One Behind: A Multi-Scenario Multi-Task Meta Learning Approach
      for Advertiser Modeling, section 3.
    """

    def __init__(
        self,
        schema: Schema | str,
        experts: Count = 4,
        view_width: Count = 32,
        knowledge_units: Counts = (32, 16),
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if not self.base_topics:
            raise SchemaError("M2M is told a row's domains: expected base_topics, got none")
        self.view_width = view_width
        self.knowledge_units = tuple(knowledge_units)
        user = self.schema.keys.user
        known = user in self.front_end.embedding.feature_tables
        self._told = [*self.base_topics, *([user] if known else [])]
        self.scenario = DenseNet(self.knowledge_units, name="scenario")
        self.scenario.build((None, len(self._told) * self.embedding_width))
        self.experts = [
            DenseNet(
                (*self.units, view_width),
                self.dropout,
                precision=self.precision,
                name=f"expert_{i}",
            )
            for i in range(experts)
        ]
        for expert in self.experts:
            expert.build((None, self.front_end.output_width))
        knowledge_shape = (None, self.knowledge_units[-1])
        self.attention = MetaUnit(name="attention")
        self.attention.build((None, None, 2 * view_width), knowledge_shape)
        self.towers = {task: MetaUnit(activate=False, name=f"{task}_tower") for task in self.tasks}
        for tower in self.towers.values():
            tower.build((None, None, view_width), knowledge_shape)
        self.task_vectors = self.add_weight(
            name="task_vectors", shape=(len(self.tasks), view_width), initializer="glorot_uniform"
        )
        self.attention_vector = self.add_weight(
            name="attention_vector", shape=(2 * view_width, 1), initializer="glorot_uniform"
        )
        self._add_heads()

    @property
    def knowledge_width(self) -> int:
        return self.view_width

    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = False, training: bool = False
    ) -> dict[str, Any]:
        flat = self.front_end(features, candidates=candidates)
        told = self.front_end.embedded(features, self._told, candidates)
        known = self.scenario(told, training=training)
        views = tf.stack([expert(flat, training=training) for expert in self.experts], axis=1)
        mixtures = self._attended(views, known)
        return {
            task: tf.nn.leaky_relu(
                tower(mixtures[:, place : place + 1], known)[:, 0] + mixtures[:, place], 0.01
            )
            for place, (task, tower) in enumerate(self.towers.items())
        }

    def _attended(self, views: Any, known: Any) -> Any:
        """Each task's mixture of the views `[B, E, D]`: `[B, T, D]`."""
        rows, experts, width = tf.shape(views)[0], len(self.experts), self.view_width
        tasks = len(self.tasks)
        # every pair of a task and an expert
        left = tf.broadcast_to(views[:, tf.newaxis], [rows, tasks, experts, width])
        vectors = self.task_vectors.value[tf.newaxis, :, tf.newaxis]
        right = tf.broadcast_to(vectors, [rows, tasks, experts, width])
        pairs = tf.reshape(tf.concat([left, right], -1), [rows, tasks * experts, 2 * width])
        scores = self.attention(pairs, known) @ self.attention_vector.value
        shares = tf.nn.softmax(tf.reshape(scores, [rows, tasks, experts]))
        return tf.matmul(shares, views)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "experts": len(self.experts)}

"""`MMoE`: multi-gate mixture of experts, the strongest baseline of the IAK paper."""

from collections.abc import Mapping
from typing import Any

import keras

from tfrec_mt.configs.bounds import Count
from tfrec_mt.layers.expert_mixture import ExpertMixture
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import Schema


@keras.saving.register_keras_serializable("tfrec_mt")
class MMoE(RankingModel):
    """Multi-gate mixture of experts; each task's logit is linear in its own mixture.

    Args:
      schema: See `RankingModel`, also for the other arguments.
      experts: Number of experts.

    Example:
      >>> model = mt.models.MMoE(log.schema, units=(16, 8))
      >>> model.knowledge_width
      8

    Reference:
      Ma et al. 2018 ([31] of the IAK paper).
    """

    def __init__(self, schema: Schema | str, experts: Count = 2, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        self.experts = experts
        self.mixture = ExpertMixture(
            self.tasks, experts, self.units, self.dropout, self.precision, name="mixture"
        )
        self.mixture.build((None, self.front_end.output_width))
        self._add_heads()

    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = False, training: bool = False
    ) -> dict[str, Any]:
        flat = self.front_end(features, candidates=candidates)
        return dict(self.mixture(flat, training=training))

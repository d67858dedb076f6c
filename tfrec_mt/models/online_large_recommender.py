"""`OnlineLargeRecommender` (OLR): the pre-trained model of the IAK paper."""

from collections.abc import Mapping
from typing import Any

import keras

from tfrec_mt.models.mmoe import MMoE


@keras.saving.register_keras_serializable("tfrec_mt")
class OnlineLargeRecommender(MMoE):
    """Embeddings, sequence modules, MMoE main net, debias tower and stacked logits layer.

    The logits layer of a task sees its mixture stacked on all embedded features and interests.
    An order happens through a click, `ctcvr = ctr * sigmoid(z_ctcvr)`, so it is never more
    probable than the click alone. Arguments are those of `MMoE`.

    Example:
      >>> model = mt.models.OnlineLargeRecommender(log.schema, units=(16, 8))
      >>> model.knowledge_width > 8  # embeddings and interests are stacked behind the mixture
      True

    Reference:
      IAK paper, 5.2 and appendix C.
    """

    chained = True
    stacked = True

    @property
    def knowledge_width(self) -> int:
        return super().knowledge_width + self.front_end.output_width

    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = False, training: bool = False
    ) -> dict[str, Any]:
        flat = self.front_end(features, candidates=candidates)
        return {
            task: keras.ops.concatenate([mixture, flat], axis=-1)
            for task, mixture in self.mixture(flat, training=training).items()
        }

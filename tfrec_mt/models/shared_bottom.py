"""`SharedBottom`: the simplest multi-task model."""

from collections.abc import Mapping
from typing import Any

import keras

from tfrec_mt.layers.dense_net import DenseNet
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import Schema


@keras.saving.register_keras_serializable("tfrec_mt")
class SharedBottom(RankingModel):
    """One net for all tasks; each task's logit is linear in its output.

    Args:
      schema: See `RankingModel`, also for the other arguments.

    Example:
      >>> model = mt.models.SharedBottom(log.schema, units=(16, 8))
      >>> model.knowledge_width
      8

    Reference:
      Caruana 1997, Multitask Learning ([4] of the IAK paper).
    """

    def __init__(self, schema: Schema | str, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        self.bottom = DenseNet(self.units, self.dropout, precision=self.precision, name="bottom")
        self.bottom.build((None, self.front_end.output_width))
        self._add_heads()

    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = False, training: bool = False
    ) -> dict[str, Any]:
        flat = self.front_end(features, candidates=candidates)
        return dict.fromkeys(self.tasks, self.bottom(flat, training=training))

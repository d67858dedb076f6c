"""`ESMM`: the entire space multi-task model."""

from collections.abc import Mapping
from typing import Any

import keras

from tfrec_mt.layers.dense_net import DenseNet
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import Schema


@keras.saving.register_keras_serializable("tfrec_mt")
class ESMM(RankingModel):
    """One net per task over shared embeddings, where an order requires a click.

    `ctcvr = ctr * sigmoid(z_ctcvr)`, and both are learned on all exposures, so that the chance of
    an order after a click is not learned on clicks alone.

    Args:
      schema: See `RankingModel`, also for the other arguments.

    Example:
      >>> model = mt.models.ESMM(log.schema, units=(16, 8))
      >>> model.knowledge_width
      8

    Reference:
      Ma et al. 2018, Entire Space Multi-Task Model ([32] of the IAK paper).
    """

    chained = True

    def __init__(self, schema: Schema | str, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        self.nets = {
            task: DenseNet(self.units, self.dropout, precision=self.precision, name=f"{task}_net")
            for task in self.tasks
        }
        for net in self.nets.values():
            net.build((None, self.front_end.output_width))
        self._add_heads()

    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = False, training: bool = False
    ) -> dict[str, Any]:
        flat = self.front_end(features, candidates=candidates)
        return {task: net(flat, training=training) for task, net in self.nets.items()}

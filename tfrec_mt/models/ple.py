"""`PLE`: progressive layered extraction."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tfrec_mt.configs.bounds import Count
from tfrec_mt.layers.progressive_extraction import SHARED, ProgressiveExtraction
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import Schema, SchemaError


@keras.saving.register_keras_serializable("tfrec_mt")
class PLE(RankingModel):
    """Levels of task experts and shared experts; each task's logit is linear in its mixture.

    Args:
      schema: See `RankingModel`, also for the other arguments.
      experts: Experts of each task, and shared experts, of every level.
      levels: Number of levels, at most `len(units)`, among which the layers are divided; the first
        ones have one layer more where they do not come out even.

    Example:
      >>> model = mt.models.PLE(log.schema, units=(16, 8))
      >>> model.knowledge_width
      8

    Reference:
      Tang et al. 2020 ([45] of the IAK paper).
    """

    def __init__(
        self, schema: Schema | str, experts: Count = 2, levels: Count = 2, **kwargs: Any
    ) -> None:
        super().__init__(schema, **kwargs)
        if not 1 <= levels <= len(self.units):
            raise SchemaError(
                f"levels must be from 1 to the number of layers, {len(self.units)}, got {levels}"
            )
        self.experts = experts
        self.levels = levels
        self.extractions = []
        width, names = self.front_end.output_width, (*self.tasks, SHARED)
        for level, part in enumerate(np.array_split(self.units, levels)):
            units = tuple(map(int, part))
            extraction = ProgressiveExtraction(
                self.tasks,
                experts,
                units,
                last=level == levels - 1,
                dropout=self.dropout,
                precision=self.precision,
                name=f"level_{level}",
            )
            extraction.build(dict.fromkeys(names, (None, width)))
            self.extractions.append(extraction)
            width = units[-1]
        self._add_heads()

    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = False, training: bool = False
    ) -> dict[str, Any]:
        flat = self.front_end(features, candidates=candidates)
        mixtures = dict.fromkeys((*self.tasks, SHARED), flat)
        for extraction in self.extractions:
            mixtures = extraction(mixtures, training=training)
        return mixtures

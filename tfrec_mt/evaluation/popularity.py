"""`Popularity`: the mean label of each item, the baseline of every comparison."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.encoding import decode_label
from tfrec_mt.schema import CategoricalFeature
from tfrec_mt.schema.task import ROW_WEIGHT


class Popularity:
    """Smoothed mean label of each item, `(sum + strength * mean) / (rows + strength)`.

    Args:
      dataset: The dataset; the item key must be one of its features.
      part: Part to count, one that models are trained on.
      strength: Rows that the overall mean counts for.
    """

    def __init__(self, dataset: PreparedDataset, part: str, strength: float = 20.0) -> None:
        self.item = dataset.schema.keys.item
        feature = dataset.schema.feature(self.item)
        assert isinstance(feature, CategoricalFeature)
        size = dataset.schema.vocabulary(feature.vocabulary).rows
        self._rates = {}
        for task in dataset.schema.task_names:
            rows, sums = np.zeros(size), np.zeros(size)
            names = (f"labels/{task}", f"features/{self.item}", f"labels/{ROW_WEIGHT}")
            for shard in dataset.shards(part, names):
                labels = decode_label(shard[names[0]].read())
                known = ~np.isnan(labels)
                items = shard[names[1]].read()[known]
                stored = shard.get(names[2])
                weights = np.ones(len(items)) if stored is None else stored.read()[known]
                rows += np.bincount(items, weights, size)
                sums += np.bincount(items, weights * labels[known], size)
            mean = sums.sum() / rows.sum()
            self._rates[task] = ((sums + strength * mean) / (rows + strength)).astype(np.float32)

    def __call__(self, features: Mapping[str, NDArray[np.int32]]) -> dict[str, NDArray[np.float32]]:
        """Rates `{task: [B]}` of the items of a batch."""
        return {task: rates[features[self.item]] for task, rates in self._rates.items()}

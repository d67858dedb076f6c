"""`Popularity`: what each item earned on average, the baseline of every comparison."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.schema import CategoricalFeature


class Popularity:
    """Smoothed rate of each item, `(positives + strength * mean) / (rows + strength)`.

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
        rows = np.zeros(size)
        positives = {task: np.zeros(size) for task in dataset.schema.tasks}
        labels = dict(zip(dataset.schema.tasks, ("click", "conversion"), strict=False))
        for shard in dataset.shards(part):
            items = shard[f"features/{self.item}"].read()
            rows += np.bincount(items, minlength=size)
            for task, label in labels.items():
                positives[task] += np.bincount(items, shard[f"labels/{label}"].read(), size)
        self._rates = {
            task: ((found + strength * found.sum() / rows.sum()) / (rows + strength)).astype(
                np.float32
            )
            for task, found in positives.items()
        }

    def __call__(self, features: Mapping[str, NDArray[np.int32]]) -> dict[str, NDArray[np.float32]]:
        """Rates `{task: [B]}` of the items of a batch."""
        return {task: rates[features[self.item]] for task, rates in self._rates.items()}

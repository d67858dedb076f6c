"""`Floor`: biases of user, item and domain, which every model must beat."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.encoding import decode_label
from tfrec_mt.data.reading.batch import Arrays, Batch
from tfrec_mt.data.reading.whole_columns import whole_columns
from tfrec_mt.schema import CategoricalFeature
from tfrec_mt.schema.task import ROW_WEIGHT
from tfrec_mt.training.id_effects import Effects, Ids, fit_effects

_USER = "keys/user"


class Floor:
    """A logistic regression, for numbers a linear one, on user, item and domains.

    One number per user, item and domain of each topic, shrunk as much as the rows suggest; see
    `fit_effects`. An unseen user or item adds nothing.

    Args:
      dataset: The dataset.
      parts: Parts whose rows it learns from.
    """

    def __init__(self, dataset: PreparedDataset, parts: Sequence[str]) -> None:
        schema = dataset.schema
        told = {f.name for f in schema.features if isinstance(f, CategoricalFeature)}
        names = [schema.keys.item] if schema.keys.item in told else []
        names += [topic.name for topic in schema.topics]
        self._columns = (_USER, *(f"features/{name}" for name in names))
        self._tasks = {task.name: task for task in schema.tasks}
        labels = [f"labels/{task}" for task in self._tasks]
        weight = f"labels/{ROW_WEIGHT}"
        rows = whole_columns(dataset, parts, {*self._columns, *labels, weight})
        self._sizes = {name: int(rows[name].max()) + 1 for name in self._columns}
        self._effects: dict[str, Effects] = {}
        for name, task in self._tasks.items():
            label = decode_label(rows[f"labels/{name}"]).astype(np.float64)
            known = ~np.isnan(label)
            self._effects[name] = fit_effects(
                label[known],
                [Ids(rows[of][known], self._sizes[of]) for of in self._columns],
                binary=task.binary,
                weights=rows[weight][known].astype(np.float64) if weight in rows else None,
            )

    def __call__(self, batch: Batch) -> dict[str, NDArray[np.float32]]:
        """Predictions `{task: [B]}`."""
        groups: dict[str, Arrays] = {"keys": batch.keys, "features": batch.features}
        found = {}
        for name, effects in self._effects.items():
            total = np.full(len(batch.keys["user"]), effects.mean)
            for column, of in zip(self._columns, effects.values, strict=True):
                group, _, short = column.partition("/")
                codes = groups[group][short]
                met = codes < len(of)
                total[met] += of[codes[met]]
            binary = self._tasks[name].binary
            found[name] = (1.0 / (1.0 + np.exp(-total)) if binary else total).astype(np.float32)
        return found

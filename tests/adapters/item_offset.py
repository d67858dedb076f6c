"""`ItemOffset`: an adapter for tests that reads an item's code beside knowledge."""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels, Groups, Ids, scale_stack
from tfrec_mt.adapters.served_kernels import FoldedKernels

ITEMS = 32


@keras.saving.register_keras_serializable("tests")
class ItemOffset(DomainKernels):
    """Adds a learned number per item, modulo `ITEMS`, and domain to each logit."""

    needs_directions: ClassVar[bool] = True
    needed_features: ClassVar[tuple[str, ...]] = ("item_id",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offsets, self._units = {}, {}
        for task, width in self.knowledge_widths.items():
            self._offsets[task] = self._stack(f"{task}_offset", (ITEMS,))
            self._stack(f"{task}_first", (self.seen_widths[task], 1), trainable=False)
            self._stack(f"{task}_first_bias", (1,), trainable=False)
            self._units[task] = self._stack(f"{task}_unit", (width,), trainable=False)
        self.built = True

    def align(self, directions: Mapping[str, np.ndarray]) -> None:
        for task, weight in self._units.items():
            u = directions[task]
            weight.assign(np.broadcast_to(u / np.sum(u**2), weight.shape))

    def residual(self, task: str, seen: Any, groups: Groups, knowledge: Any, ids: Ids) -> Any:
        (name,) = self.needed_features
        items = groups.spread(tf.one_hot(tf.cast(ids[name], tf.int32) % ITEMS, ITEMS))
        offset = items * groups.select(self._offsets[task].value)
        added = tf.reduce_sum(offset, axis=-1, keepdims=True)
        return groups.collect(added * groups.select(self._units[task].value))

    def first_layer(self, task: str) -> tuple[str, str, float]:
        return f"{task}_first", f"{task}_first_bias", 1.0

    def scale_residuals(self, factors: np.ndarray) -> None:
        for weight in self._offsets.values():
            scale_stack(weight, factors)

    def folded(self, directions: Mapping[str, np.ndarray] | None) -> FoldedKernels:
        raise AssertionError("an export refuses these kernels before it folds them")

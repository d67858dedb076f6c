"""`OffsetBase`: a base known by its vectors and logits, but not by the layer between them."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_mt.bases.attached_base import AttachedBase
from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.models.base_model import LinearHead
from tfrec_mt.schema import Task


class OffsetBase(AttachedBase):
    """A base whose knowledge is a vector followed by its logit, `[h, z]`, of width `D + 1`.

    The logit is the last coordinate, so what a kernel adds to it is a logit offset; what it adds to
    the others is lost.

    Args:
      vectors: Name of the vector by task.
      logits: Name of the logit by task.
      widths: Width `D` of each vector by name.
      topics: Domains of topics that are known beforehand.
      tasks: Those of `logits` that are no binary task of the default loss.
    """

    def __init__(
        self,
        vectors: Mapping[str, str],
        logits: Mapping[str, str],
        widths: Mapping[str, int],
        topics: Mapping[str, tuple[str, ...]] | None = None,
        tasks: Sequence[Task] = (),
    ) -> None:
        told = {task.name: task for task in tasks}
        for name in told:
            if name not in logits:
                raise SchemaError(f"tasks: {name!r} has no logit; {nearest(name, logits)}")
        super().__init__([told.get(name, name) for name in logits], topics)
        self.vector_names, self.logit_names = dict(vectors), dict(logits)
        self._widths = {task: widths[name] for task, name in self.vector_names.items()}

    @property
    def knowledge_widths(self) -> dict[str, int]:
        return {task: self._widths[task] + 1 for task in self.tasks}

    @property
    def head(self) -> LinearHead:
        """The linear head along the last coordinate."""
        last = {}
        for task, width in self.knowledge_widths.items():
            last[task] = np.zeros([width, 1], np.float32)
            last[task][-1] = 1.0
        return LinearHead({task: tf.constant(weight) for task, weight in last.items()})

    @abc.abstractmethod
    def known(self, features: Mapping[str, Any]) -> Mapping[str, Any]:
        """Vectors `[B, D]` and logits `[B]` or `[B, 1]` of rows, by name."""

    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = False, training: bool = False
    ) -> dict[str, Any]:
        known = self.known(features)
        return {
            task: tf.concat(
                [
                    tf.cast(known[self.vector_names[task]], tf.float32),
                    tf.reshape(tf.cast(known[self.logit_names[task]], tf.float32), [-1, 1]),
                ],
                axis=1,
            )
            for task in self.tasks
        }

    def logits(self, knowledge: Mapping[str, Any]) -> dict[str, Any]:
        return {task: rows[:, -1:] for task, rows in knowledge.items()}


def by_task(names: str | Mapping[str, str], tasks: Sequence[str]) -> dict[str, str]:
    """One name for all tasks, or a name for each."""
    return dict.fromkeys(tasks, names) if isinstance(names, str) else dict(names)

"""`KnowledgeView`: knowledge as kernels see it while they are trained."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.layers.configured_layer import ConfiguredLayer

# Kernels of the takeout world gain as much from 96 of 176 axes, .999 of the variance, as from all.
MOST_AXES = 128
# Axes along which knowledge hardly varies would amplify its rounding errors.
_LEAST_SHARE = 1e-6
_FLOOR = 1e-4


def seen_widths(knowledge_widths: Mapping[str, int], most_axes: int = MOST_AXES) -> dict[str, int]:
    """Number of axes of each task's knowledge that kernels see."""
    return {task: min(width, most_axes) for task, width in knowledge_widths.items()}


@keras.saving.register_keras_serializable("tfrec_mt")
class KnowledgeView(ConfiguredLayer):
    """Rotates knowledge to its principal axes and rescales each to a similar range.

    `(h - mean) V / sqrt(s c)`: V are the eigenvectors of the covariance of knowledge (those of the
    largest variance, if not all are seen), s the standard deviations along them, and c the
    quadratic mean of all deviations. Coordinates of a base's knowledge differ in scale by orders of
    magnitude and are correlated: a kernel would see only the largest and learn slowly. Dividing by
    s alone would make noise axes as large as the others; dividing by c alone, only the largest axes
    would count.

    The view is used in training only: a kernel that is taken out of its layer is folded into one
    that reads plain knowledge.

    Args:
      knowledge_widths: Width of the base's knowledge by task.
      most_axes: Axes that are seen of wider knowledge; kernels cost nearly in proportion.

    Attributes:
      seen_widths: Number of axes by task.
    """

    def __init__(
        self, knowledge_widths: Mapping[str, int], most_axes: int = MOST_AXES, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.knowledge_widths = dict(knowledge_widths)
        self.most_axes = most_axes
        self.seen_widths = seen_widths(knowledge_widths, most_axes)
        self._means: dict[str, Any] = {}
        self._axes: dict[str, Any] = {}
        for task, width in self.knowledge_widths.items():
            self._means[task] = self.add_weight(
                name=f"{task}_mean", shape=(width,), initializer="zeros", trainable=False
            )
            self._axes[task] = self.add_weight(
                name=f"{task}_axes",
                shape=(width, self.seen_widths[task]),
                initializer="identity",
                trainable=False,
            )
        self.built = True

    def fit(self, task: str, knowledge: np.ndarray) -> None:
        """Computes mean and axes from rows `[n, D]` of one task's knowledge."""
        rows = knowledge.astype(np.float64)
        mean = rows.mean(axis=0)
        covariance = (rows - mean).T @ (rows - mean) / len(rows)
        variances, axes = np.linalg.eigh(covariance)
        common = variances.mean()
        seen = variances > _LEAST_SHARE * variances[-1]
        scales = np.zeros_like(variances)
        scales[seen] = (variances[seen] / common + _FLOOR) ** -0.25 / np.sqrt(common)
        self._means[task].assign(mean)
        self._axes[task].assign((axes * scales)[:, -self.seen_widths[task] :])

    def call(self, knowledge: Mapping[str, Any]) -> dict[str, Any]:
        """`{task: [B, D]}` to `{task: [B, S]}`; axes without variation are 0."""
        return {
            task: tf.matmul(rows - self._means[task].value, self._axes[task].value)
            for task, rows in knowledge.items()
        }

    def largest(self, task: str, count: int) -> np.ndarray:
        """The axes of the largest variance, as float32 `[D + 1, count]`.

        A row's coordinates are `h @ axes[:-1] + axes[-1]`, as seen.
        """
        mean, axes = self._fitted(task)
        most = axes[:, -count:]
        return np.vstack([most, -mean @ most]).astype(np.float32)

    def unfold(
        self, task: str, kernel: np.ndarray, bias: np.ndarray, factor: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Matrix `[S, U]` and bias `[U]` of a layer on the view; `fold` the other way round.

        What the layer reads off axes that are not seen becomes its mean.

        Args:
          task: Task name.
          kernel: `[D, U]`, of a layer `factor * h @ kernel + bias` on plain knowledge.
          bias: `[U]`, its bias.
          factor: Factor of its input.
        """
        mean, axes = self._fitted(task)
        plain = kernel.astype(np.float64)
        seen = np.linalg.pinv(axes) @ plain
        shifted = bias + factor * (mean @ plain)
        return seen.astype(np.float32), shifted.astype(np.float32)

    def fold(
        self, task: str, kernel: np.ndarray, bias: np.ndarray, factor: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Matrix `[D, U]` and bias `[U]` of an equivalent dense layer on plain knowledge.

        Args:
          task: Task name.
          kernel: `[S, U]`, of a layer `factor * view(h) @ kernel + bias`.
          bias: `[U]`, its bias.
          factor: Factor of its input.
        """
        mean, axes = self._fitted(task)
        plain = axes @ kernel.astype(np.float64)
        shifted = bias - factor * (mean @ plain)
        return plain.astype(np.float32), shifted.astype(np.float32)

    def _fitted(self, task: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean `[D]` and scaled axes `[D, S]` in double precision."""
        mean, axes = self._means[task].value, self._axes[task].value
        return np.asarray(mean, np.float64), np.asarray(axes, np.float64)

"""Kernels moved from the base that they were trained behind to another one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.adapters.domain_kernels import DomainKernels

Floats = NDArray[np.float64]
# Of the mean variance along an axis: what keeps axes without variation from being amplified.
_RIDGE = 1e-4


@dataclass(frozen=True)
class KnowledgeMap:
    """How to read one task's knowledge of an earlier base off that of another.

    Attributes:
      matrix: `[D_new, D_old]`.
      constant: `[D_old]`.
      explained: Share of the old knowledge's variance that it explains, on rows held out.
    """

    matrix: Floats
    constant: Floats
    explained: float

    @classmethod
    def fit(cls, new: NDArray[np.float32], old: NDArray[np.float32]) -> "KnowledgeMap":
        """Fits a map by ridge regression on rows that both bases have seen.

        Args:
          new: `[n, D_new]` knowledge of the base to move to.
          old: `[n, D_old]` knowledge of the same rows by the earlier base.
        """
        held = np.arange(len(new)) % 4 == 3
        matrix, constant = _regression(new[~held], old[~held])
        rest = old[held] - new[held] @ matrix - constant
        total = np.square(old[held] - old[held].mean(axis=0)).sum()
        explained = 1.0 - float(np.square(rest).sum() / total) if total else 1.0
        return cls(*_regression(new, old), explained)

    def axes(self, old: NDArray[np.float32]) -> NDArray[np.float32]:
        """Axes `[D_old + 1, K]` of a `Memory` as they are read off the new knowledge."""
        directions, constants = old[:-1].astype(np.float64), old[-1]
        constants = self.constant @ directions + constants
        return np.vstack([self.matrix @ directions, constants]).astype(np.float32)


def _regression(x: NDArray[np.float32], y: NDArray[np.float32]) -> tuple[Floats, Floats]:
    means = [values.mean(axis=0, dtype=np.float64) for values in (x, y)]
    x_part, y_part = (v - mean for v, mean in zip((x, y), means, strict=True))
    square = x_part.T @ x_part
    ridge = _RIDGE * np.trace(square) / len(square)
    matrix = np.linalg.solve(square + ridge * np.eye(len(square)), x_part.T @ y_part)
    return matrix, means[1] - means[0] @ matrix


def moved_kernels(
    layer: DomainKernels,
    widths: Mapping[str, int],
    maps: Mapping[str, KnowledgeMap],
    old_directions: Mapping[str, NDArray[np.float32]],
    new_directions: Mapping[str, NDArray[np.float32]],
) -> DomainKernels:
    """Kernels that add to another base's logits what they added to those of their own base.

    The first layer reads the old knowledge through a map. What the last one adds to old knowledge
    moves the logit by its product with the old direction; the same number is added along the new
    one.

    Args:
      layer: Kernels that read plain knowledge, as loaded kernels do; without a memory in the copy.
      widths: Width of the other base's knowledge by task.
      maps: By task.
      old_directions: Direction of each logit in the earlier base's knowledge, `[D_old]`.
      new_directions: The same of the other base, `[D_new]`.

    Raises:
      ValueError: Kernels of this kind cannot be moved.
    """
    config = {k: v for k, v in layer.get_config().items() if k not in ("seen_widths", "memory")}
    moved: DomainKernels = type(layer)(**{**config, "knowledge_widths": dict(widths)})
    moved.align(dict(new_directions))
    turns = {task: _turn(old_directions[task], new_directions[task]) for task in widths}
    for domain in layer.domains:
        weights = layer.kernel(domain)
        taken = {weight.name for weight in layer.trainable_weights} & weights.keys()
        for task in widths:
            last = layer.last_layer(task)
            if last is None:
                raise ValueError(
                    f"kernels of {layer.topic}: {type(layer).__name__} cannot be moved"
                )
            taken |= {*last}
            for name in last:
                weights[name] = (weights[name] @ turns[task]).astype(np.float32)
            if (first := layer.first_layer(task)) is None:
                continue
            matrix, bias, factor = first
            taken |= {matrix, bias}
            _, _, new_factor = moved.first_layer(task) or first
            plain = weights[matrix].astype(np.float64)
            weights[bias] += (factor * maps[task].constant @ plain).astype(np.float32)
            weights[matrix] = (factor / new_factor * maps[task].matrix @ plain).astype(np.float32)
        # all else depends on the base, such as its directions
        moved.set_kernel(domain, moved.kernel(domain) | {name: weights[name] for name in taken})
    return moved


def _turn(old: NDArray[np.float32], new: NDArray[np.float32]) -> Floats:
    """`[D_old, D_new]`: an addition to old knowledge as one to new knowledge of the same effect."""
    square = float(np.square(new.astype(np.float64)).sum())
    return np.outer(old, new).astype(np.float64) / (square or 1.0)

"""`Anchor`: kernels start from those of an earlier day and are drawn to them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.memory import Memory, Remembered, feature_and_code, memory_keys
from tfrec_mt.errors import SchemaError


class Anchor:
    """Puts kernels where those of an earlier day were, and gives the cost of leaving that place.

    The cost of a kernel is `weight / 2` times the sum, over its weights, of the mean squared move,
    in units of the weight's mean square on the earlier day. Domains that had no kernel, or one that
    did nothing, start as new ones do and move freely.

    Args:
      model: Untrained kernels; those of the same topics and domains are set.
      earlier: Kernels of the earlier day, which read plain knowledge of the same base.
      weight: Weight of the cost; 0 for none.

    Attributes:
      proven: By topic, which domains had a kernel that did something, bool `[N]`.

    Raises:
      SchemaError: The kernels of a topic are of another kind or size, or share weights.

    Reference:
      Proximal terms that keep an adapter near its last state: PESO, arXiv:2510.25093.
    """

    def __init__(
        self, model: AdaptedModel, earlier: Sequence[DomainKernels], weight: float
    ) -> None:
        self._weight = weight
        self._earlier = {layer.topic: layer for layer in earlier}
        self._model = model
        self.proven: dict[str, np.ndarray] = {}
        self._starts: dict[str, list[tuple[Any, Any]]] = {}
        for layer in model.kernels:
            if (before := self._earlier.get(layer.topic)) is not None:
                self._set(layer, before)

    def _set(self, layer: DomainKernels, before: DomainKernels) -> None:
        if type(layer) is not type(before) or layer.shared:
            raise SchemaError(
                f"kernels of {layer.topic} are {type(before).__name__}; expected "
                f"{type(layer).__name__}, whose domains share no weights, to continue them"
            )
        done = [_does_something(before, domain) for domain in before.domains]
        active = {d for d, did in zip(before.domains, done, strict=True) if did}
        for domain in layer.domains:
            if domain in active:
                try:
                    layer.set_kernel(domain, self._seen(layer, before.kernel(domain)))
                except ValueError as error:
                    raise SchemaError(f"{error}; continue kernels with their settings") from error
        proven = np.array([domain in active for domain in layer.domains])
        self.proven[layer.topic] = proven
        starts = []
        for weight in layer.trainable_variables:
            start = weight.value.numpy()
            square = np.square(start, dtype=np.float64).reshape(len(start), -1).mean(axis=1)
            scale = np.where(proven & (square > 0), 0.5 / np.where(square > 0, square, 1.0), 0.0)
            starts.append((tf.constant(start), tf.constant(scale, tf.float32)))
        self._starts[layer.topic] = starts

    def _seen(
        self, layer: DomainKernels, weights: dict[str, np.ndarray]
    ) -> Mapping[str, np.ndarray]:
        """A kernel's weights as it reads the model's view of knowledge."""
        view = self._model.view
        for task in layer.knowledge_widths:
            first = layer.first_layer(task)
            if view is not None and first is not None:
                matrix, bias, factor = first
                weights[matrix], weights[bias] = view.unfold(
                    task, weights[matrix], weights[bias], factor
                )
        return weights

    def pull(self, layer: DomainKernels) -> Any:
        """The cost of each of a topic's kernels, `[N]`."""
        total = tf.zeros([len(layer.domains)])
        if not self._weight or layer.topic not in self._starts:
            return total
        for weight, (start, scale) in zip(
            layer.trainable_variables, self._starts[layer.topic], strict=True
        ):
            moves = tf.square(weight.value - start)
            total += scale * tf.reduce_mean(moves, axis=list(range(1, len(start.shape))))
        return self._weight * total

    def memories(self, features: Mapping[str, bool], tasks: Sequence[str]) -> dict[str, Memory]:
        """What the domains of each topic remembered, of some features.

        Args:
          features: Names of the features, and whether a row has several ids of each.
          tasks: Names of the tasks, in order.
        """
        found = {}
        bags = [name for name, several in features.items() if several]
        for layer in self._model.kernels:
            before = self._earlier.get(layer.topic)
            if before is None or before.memory is None:
                continue
            memory = before.memory
            domains = dict(zip(before.domains, memory.domains, strict=True))
            none = Remembered(np.zeros(0, np.int64), np.zeros((0, memory.width), np.float32))
            places = {name: place for place, name in enumerate(features, start=1)}
            moved = [places.get(name, -1) for name in memory.features]
            order = [memory.tasks.index(task) for task in tasks]
            kept = [
                _of_features(domains.get(domain, none), np.array([0, *moved]), order)
                for domain in layer.domains
            ]
            # a new domain may have any axes, as it has no slopes yet
            own = [before.domains.index(d) if d in domains else 0 for d in layer.domains]
            axes = {task: stacked[own] for task, stacked in memory.axes.items()}
            found[layer.topic] = Memory([*features], bags, tasks, kept, axes)
        return found


def _of_features(domain: Remembered, places: np.ndarray, order: Sequence[int]) -> Remembered:
    """A domain's offsets with features at other places, -1 for none, and tasks in another order."""
    feature, code = feature_and_code(domain.keys)
    place = places[feature]
    held = place >= 0
    keys = memory_keys(place[held], code[held])
    sort = np.argsort(keys)
    count, width = domain.offsets.shape
    by_task = domain.offsets.reshape(count, len(order), width // len(order))
    return Remembered(keys[sort], by_task[held][sort][:, order].reshape(len(keys), width))


def _does_something(layer: DomainKernels, domain: str) -> bool:
    """Whether a kernel changes anything: a dropped one has zeros in its last layer."""
    weights = layer.kernel(domain)
    for task in layer.knowledge_widths:
        names = layer.last_layer(task) or ()
        first = layer.first_layer(task)
        if not names and first is not None:
            names = first[:2]
        if any(np.any(weights[name]) for name in names):
            return True
    return False

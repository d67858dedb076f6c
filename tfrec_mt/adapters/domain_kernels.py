"""`DomainKernels`: the interface of all per-domain adapters."""

import abc
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.knowledge_view import KnowledgeView
from tfrec_mt.adapters.memory import MEMORY_ARRAYS, Memory, axes_arrays, split_axes
from tfrec_mt.adapters.served_kernels import FoldedKernels
from tfrec_mt.errors import nearest
from tfrec_mt.layers.configured_layer import ConfiguredLayer
from tfrec_mt.layers.domain_rows import DomainGroups, DomainSlices

Groups = DomainGroups | DomainSlices
Ids = Mapping[str, Any]
_NO_IDS: Ids = {}
# With more domains, one product per domain is slower than blocks with copied weights.
_MOST_SLICES = 32


class DomainKernels(ConfiguredLayer, abc.ABC):
    """One small kernel per domain of a topic, in stacked weights `[N, ...]`.

    Each row gets the kernel of its domain at the cost of one kernel: the paper's parallel inference
    and domain activation, `F(h) = sum_i F_i(h) 1[d = d_i]`. Rows without a domain or with an
    unknown one (code 0) get a residual of exactly zero, so they are scored by the base alone.

    Args:
      topic: Name of the topic.
      domains: Names of the domains, in the order of their codes 1 to N.
      knowledge_widths: Width of the base's knowledge by task.
      seen_widths: Width of what kernels see of it, by task; None: all of it, as kernels do that
        were taken out of their layer.

    Attributes:
      needs_directions: Whether `align` must be called before training.
      needed_features: Features and topics whose codes kernels read besides knowledge. Such kernels
        can be trained and evaluated, but not exported.
      memory: What kernels remember of ids, in addition to the residuals, if anything.

    Example:
      >>> isinstance(model.kernels[0], mt.adapters.DomainKernels)
      True

    Reference:
      IAK paper, equation 20.
    """

    needs_directions: ClassVar[bool] = False
    needed_features: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        topic: str,
        domains: Sequence[str],
        knowledge_widths: Mapping[str, int],
        seen_widths: Mapping[str, int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.topic = topic
        self.domains = tuple(domains)
        self.knowledge_widths = dict(knowledge_widths)
        self.seen_widths = dict(knowledge_widths if seen_widths is None else seen_widths)
        self.memory: Memory | None = None

    def _stack(
        self, name: str, shape: tuple[int, ...], start: str = "zeros", trainable: bool = True
    ) -> Any:
        """Adds a weight `[N, *shape]` that starts at `zeros`, `ones` or, if `random`, N(0, 1)."""
        shape = (len(self.domains), *shape)
        return self.add_weight(
            name=name, shape=shape, initializer=_initializer(start), trainable=trainable
        )

    def _alike(self, name: str, shape: tuple[int, ...], start: str) -> Any:
        """Adds a weight that all domains share; see `_stack` and `shared`."""
        return self.add_weight(name=name, shape=shape, initializer=_initializer(start))

    def align(self, directions: Mapping[str, np.ndarray]) -> None:
        """Sets the direction of each logit in knowledge, `{task: [D]}`.

        Called once, before training, if the base's logits are linear in knowledge.
        """

    @abc.abstractmethod
    def residual(self, task: str, seen: Any, groups: Groups, knowledge: Any, ids: Ids) -> Any:
        """What the kernels add to one task's knowledge, `[B, D]`.

        Args:
          task: Task name.
          seen: `[B, S]` the knowledge as kernels see it.
          groups: The rows by domain.
          knowledge: `[B, D]` the plain knowledge.
          ids: Codes `[B]` of the `needed_features`.
        """

    def shift(
        self, task: str, seen: Any, groups: Groups, knowledge: Any, direction: Any, ids: Ids
    ) -> Any:
        """What the residual adds to a logit that is linear in knowledge along `[D]`: `[B, 1]`."""
        added = self.residual(task, seen, groups, knowledge, ids)
        return tf.linalg.matvec(added, direction)[:, tf.newaxis]

    @abc.abstractmethod
    def first_layer(self, task: str) -> tuple[str, str, float] | None:
        """Names of the matrix and bias that read knowledge, and the factor of their input.

        None for kernels that do not read knowledge.
        """

    def last_layer(self, task: str) -> tuple[str, ...] | None:
        """Names of the weights whose last axis is the base's knowledge.

        None for kernels that cannot be moved to another base.
        """
        return None

    @property
    def rate_factors(self) -> dict[str, float]:
        """Factors of the learning rate by weight name; 1 where absent."""
        return {}

    @abc.abstractmethod
    def scale_residuals(self, factors: np.ndarray) -> None:
        """Multiplies each kernel's residuals by its factor `[N]`; 0 leaves the base unchanged."""

    def penalty(self) -> Any:
        """Regularisation term of each kernel, `[N]`; zero by default."""
        return tf.zeros([len(self.domains)])

    @property
    def shared(self) -> frozenset[str]:
        """Names of trainable weights that all kernels share, without a first axis N."""
        return frozenset()

    @property
    def kernel_weights(self) -> list[Any]:
        """The weights `[N, ...]` that a kernel takes with it out of the layer."""
        return list(self.weights)

    @property
    def trained_weights_of_one(self) -> float:
        """Number of trained weights per domain, including its share of the shared weights."""
        total = sum(math.prod(weight.shape) for weight in self.trainable_weights)
        return total / len(self.domains)

    @abc.abstractmethod
    def folded(self, directions: Mapping[str, np.ndarray] | None) -> FoldedKernels:
        """The kernels as plain dense layers, which need the fewest operations when served.

        Args:
          directions: Each logit's direction in knowledge, `{task: [D]}`: the layers then end in the
            logit offset, of width 1. None: they end in the residual of width D.
        """

    def shifts(
        self,
        knowledge: Mapping[str, Any],
        domains: Any,
        directions: Mapping[str, Any],
        seen: Mapping[str, Any] | None = None,
        ids: Ids = _NO_IDS,
    ) -> dict[str, Any]:
        """What rows' kernels add to logits `{task: [B, 1]}`, for training.

        Args:
          knowledge: `{task: [B, D]}`.
          domains: Codes `[B]`.
          directions: Each logit's direction in knowledge, `{task: [D]}`.
          seen: Knowledge as kernels see it; None: unchanged.
          ids: Codes `[B]` of the `needed_features`.
        """
        seen = knowledge if seen is None else seen
        kind = DomainSlices if len(self.domains) <= _MOST_SLICES else DomainGroups
        groups, known = kind.of(domains, len(self.domains)), domains[:, tf.newaxis] > 0
        shifts = {
            task: self.shift(task, seen[task], groups, rows, directions[task], ids)
            for task, rows in knowledge.items()
        }
        return {task: tf.where(known, shift, 0.0) for task, shift in shifts.items()}

    def call(
        self,
        knowledge: Mapping[str, Any],
        domains: Any,
        seen: Mapping[str, Any] | None = None,
        ids: Ids = _NO_IDS,
    ) -> dict[str, Any]:
        """Residuals `{task: [B, D]}` for rows of domain codes `domains` `[B]`; see `shifts`."""
        seen = knowledge if seen is None else seen
        groups, known = DomainGroups.of(domains, len(self.domains)), domains[:, tf.newaxis] > 0
        return {
            task: tf.where(known, self.residual(task, seen[task], groups, rows, ids), 0.0)
            for task, rows in knowledge.items()
        }

    def kernel(self, domain: str, view: KnowledgeView | None = None) -> dict[str, np.ndarray]:
        """A copy of one domain's weights by name, in the form that reads plain knowledge.

        Args:
          domain: The domain.
          view: The view that the kernels were trained with, if any.

        Raises:
          ValueError: No kernel for this domain.
        """
        found = self._kernel(self._index(domain))
        for task in self.knowledge_widths:
            first = self.first_layer(task)
            if view is not None and first is not None:
                kernel, bias, factor = first
                found[kernel], found[bias] = view.fold(task, found[kernel], found[bias], factor)
        return found

    def _kernel(self, index: int) -> dict[str, np.ndarray]:
        """A copy of one domain's weights, which read knowledge as kernels see it."""
        return {w.name: np.array(w.value[index]) for w in self.kernel_weights}

    def set_kernel(self, domain: str, weights: Mapping[str, np.ndarray]) -> None:
        """Sets one domain's weights, which read knowledge as the layer's kernels see it.

        Raises:
          ValueError: No kernel for this domain, or other names or shapes than this layer's.
        """
        index = self._index(domain)
        expected = {w.name: tuple(w.shape[1:]) for w in self.kernel_weights}
        given = {name: value.shape for name, value in weights.items()}
        if expected != given:
            raise ValueError(
                f"kernel of {self.topic}={domain}: expected weights {expected}, got {given}"
            )
        for weight in self.kernel_weights:
            weight.value.scatter_nd_update([[index]], [weights[weight.name]])

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.memory is not None:
            config["memory"] = {
                "features": [*self.memory.features],
                "bags": sorted(self.memory.bags),
            }
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = dict(config)
        remembered = config.pop("memory", None)
        layer = cls(**config)
        if remembered is not None:
            tasks = [*layer.knowledge_widths]
            layer.memory = Memory.of_arrays(**remembered, tasks=tasks, count=len(layer.domains))
        return layer

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        if self.memory is not None:
            arrays = dict(zip(MEMORY_ARRAYS, self.memory.arrays(), strict=True))
            for name, values in (arrays | axes_arrays(self.memory.axes)).items():
                store[name] = values

    def load_own_variables(self, store: Any) -> None:
        stored = {name: store[name] for name in store.keys()}  # noqa: SIM118  no mapping
        if (memory := self.memory) is not None:
            axes, stored = split_axes(stored)
            axes = {task: np.asarray(values) for task, values in axes.items()}
            keys, offsets = (np.asarray(stored.pop(name)) for name in MEMORY_ARRAYS)
            of_layer = memory.features, memory.bags, memory.tasks, len(self.domains)
            self.memory = Memory.of_arrays(*of_layer, keys, offsets, axes)
        super().load_own_variables(stored)

    def _index(self, domain: str) -> int:
        if domain not in self.domains:
            raise ValueError(
                f"no kernel of {self.topic} for {domain!r}; {nearest(domain, list(self.domains))}"
            )
        return self.domains.index(domain)


def _initializer(start: str) -> Any:
    return keras.initializers.RandomNormal(stddev=1.0) if start == "random" else start


def float64(values: Any) -> np.ndarray:
    """Values of a tensor in double precision."""
    return np.asarray(values).astype(np.float64)


def scale_stack(weight: Any, factors: np.ndarray) -> None:
    """Multiplies each domain's part of a weight `[N, ...]` by its factor `[N]`."""
    shape = [-1] + [1] * (weight.value.shape.rank - 1)
    weight.assign(weight.value * tf.reshape(tf.cast(factors, weight.dtype), shape))

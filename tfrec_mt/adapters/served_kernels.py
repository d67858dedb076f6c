"""`ServedKernels`: a topic's kernels as a server runs them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.memory import (
    MEMORY_ARRAYS,
    Memory,
    at_rows,
    axes_arrays,
    coordinates,
    looked_up,
    split_axes,
)
from tfrec_mt.layers.domain_rows import DomainGroups

# No domain has this name; see `check_domains`. (A table cannot be read from a file that is empty or
# has an empty line.)
_UNKNOWN = "\t"

# For mixed batches: a request is short, and may have hundreds of domains.
_BLOCK_ROWS = 8


# Weights `[N, a, b]` and biases `[N, b]`.
DenseLayer = tuple[np.ndarray, np.ndarray]


class FoldedKernels(NamedTuple):
    """Kernels of N domains as plain dense layers, and what their last output means.

    Attributes:
      layers: The layers by task; nothing is added to tasks without layers.
      negative_slope: Slope below zero of the LeakyReLU between layers.
      gates: None: the last output is added. `{task: [N, D]}`: it is a gate g, and
        `knowledge * gates * tanh(g / 2)` is added.
      gates_summed: Whether gated knowledge is summed to width 1.
    """

    layers: Mapping[str, Sequence[DenseLayer]]
    negative_slope: float
    gates: Mapping[str, np.ndarray] | None = None
    gates_summed: bool = False

    @classmethod
    def of(
        cls,
        layers: Mapping[str, Sequence[DenseLayer]],
        negative_slope: float,
        gates: Mapping[str, np.ndarray] | None = None,
        gates_summed: bool = False,
    ) -> "FoldedKernels":
        """Folded kernels in single precision, as they are served."""
        single = {
            task: [(kernel.astype(np.float32), bias.astype(np.float32)) for kernel, bias in pairs]
            for task, pairs in layers.items()
        }
        if gates is not None:
            gates = {task: gate.astype(np.float32) for task, gate in gates.items()}
        return cls(single, negative_slope, gates, gates_summed)


class ServedKernels(tf.Module):
    """Kernels of any number of domains, in a graph that does not depend on their number.

    The number of domains is the first dimension of variables and the length of a file, so a
    SavedModel's kernels can be replaced without changing its graph. The first kernel of each stack
    is all zeros, so rows of unknown domains get exactly zero.

    Args:
      domains: File of the domains' names, in the order of the kernels; see `write_domains`.
      folded: The kernels, without that of unknown domains.
      memory: What they remember of ids, if anything.
    """

    def __init__(self, domains: Path, folded: FoldedKernels, memory: Memory | None = None) -> None:
        super().__init__()
        self._memory = memory
        self._negative_slope = folded.negative_slope
        self._gates_summed = folded.gates_summed
        initializer = tf.lookup.TextFileInitializer(
            str(domains),
            key_dtype=tf.string,
            key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
            value_dtype=tf.int64,
            value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        self._table = tf.lookup.StaticHashTable(initializer, default_value=0)
        # checkpoints find variables by these names
        self.stacks = {
            name: tf.Variable(values, trainable=False, shape=[None, *values.shape[1:]])
            for name, values in (stacks(folded, memory) | memory_stacks(memory)).items()
        }

    @property
    def remembers(self) -> tuple[str, ...]:
        """Features whose ids the kernels remember."""
        return () if self._memory is None else self._memory.features

    @property
    def weights_of_one(self) -> int:
        """Number of weights of one domain's kernel."""
        _, rest = split_axes(self.stacks)
        of_kernels = (stack for name, stack in rest.items() if name not in MEMORY_ARRAYS)
        return sum(math.prod(stack.shape[1:]) for stack in of_kernels)

    def codes(self, domains: Any) -> Any:
        """Place of each domain's kernel, `[B]` texts to `[B]`; 0 where there is none."""
        return tf.cast(self._table.lookup(domains), tf.int32)

    def __call__(self, knowledge: Mapping[str, Any], codes: Any) -> dict[str, Any]:
        """What each row's kernel adds: `{task: [B, D]}` and codes `[B]` to `{task: [B, width]}`.

        Tasks without layers are left out.
        """
        # not a stack's shape: a variable that rows are gathered from is copied at every read
        count = tf.cast(self._table.size(), tf.int32)
        groups = DomainGroups.of(codes + 1, count, _BLOCK_ROWS)
        return {
            task: self._added(task, rows, groups)
            for task, rows in knowledge.items()
            if f"{task}_kernel_0" in self.stacks
        }

    def remembered(
        self, features: Mapping[str, Any], codes: Any, knowledge: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What each row's memory adds to logits: `{task: [B]}`; see `Memory`.

        Args:
          features: A base's codes by name.
          codes: `[B]`, see `codes`.
          knowledge: The base's, `{task: [B, D]}`.
        """
        if self._memory is None:
            return {}
        keys, offsets = (self.stacks[name] for name in MEMORY_ARRAYS)
        ids = self._memory.ids(features, tf.size(codes))
        tasks = self._memory.tasks
        found = looked_up(keys, offsets, self._memory.features, codes, ids, len(tasks))
        axes, _ = split_axes(self.stacks)
        # the first entry of a stack is that of unknown domains
        along = coordinates(axes, knowledge, codes + 1, _BLOCK_ROWS) if axes else {}
        return at_rows(*found, tasks, along)

    def _added(self, task: str, rows: Any, groups: DomainGroups) -> Any:
        spread = hidden = groups.spread(rows)
        place = 0
        while (name := f"{task}_kernel_{place}") in self.stacks:
            if place:
                hidden = tf.nn.leaky_relu(hidden, self._negative_slope)
            bias = self.stacks[f"{task}_bias_{place}"]
            hidden = groups.dense(hidden, self.stacks[name], bias)
            place += 1
        if (name := f"{task}_gate") in self.stacks:
            hidden = spread * groups.select(self.stacks[name]) * tf.tanh(hidden / 2)
            if self._gates_summed:
                hidden = tf.reduce_sum(hidden, axis=-1, keepdims=True)
        return groups.collect(hidden)


def memory_stacks(memory: Memory | None) -> dict[str, np.ndarray]:
    """Values of the memory's variables by name; none without a memory."""
    return {} if memory is None else dict(zip(MEMORY_ARRAYS, memory.table(), strict=True))


def write_domains(path: Path, domains: Iterable[str]) -> None:
    """Writes a file of domains, one per line, after a line for unknown ones."""
    lines = (_UNKNOWN, *domains)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_domains(path: Path) -> list[str]:
    """The domains of a file that `write_domains` wrote."""
    _, *domains = path.read_text(encoding="utf-8").split("\n")[:-1]
    return domains


def stacks(folded: FoldedKernels, memory: Memory | None) -> dict[str, np.ndarray]:
    """Values of the kernels' variables by name, `[1 + N, ...]`: zeros, then each domain's."""
    found = axes_arrays({} if memory is None else memory.axes)
    found |= {f"{task}_gate": gate for task, gate in (folded.gates or {}).items()}
    for task, layers in folded.layers.items():
        for place, weights in enumerate(layers):
            for kind, values in zip(("kernel", "bias"), weights, strict=True):
                found[f"{task}_{kind}_{place}"] = values
    return {
        name: np.concatenate([np.zeros_like(values[:1]), values]) for name, values in found.items()
    }

"""Where an export stores its kernels, so that they can be exchanged."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.served_kernels import FoldedKernels, ServedKernels
from tfrec_mt.schema import SchemaError
from tfrec_mt.storage.arrays import read_arrays
from tfrec_mt.storage.checkpoint_index import read_index, write_index
from tfrec_mt.storage.inside import share
from tfrec_mt.storage.variables import save_tensors, stored_numbers

# How each logit of a ranking model depends on its knowledge; a kernel is folded with it.
DIRECTIONS_FILE = "directions.npz"
# Key of a manifest: the slope below zero between the layers of each topic's kernels. It is part of
# the graph, so kernels of another slope cannot be added.
SLOPES = "negative_slopes"
# Key of a manifest: features that a topic's kernels remember; they are in the graph too.
MEMORIES = "memories"
_VARIABLES = "variables/variables"
INDEX = f"{_VARIABLES}.index"
# of names in a checkpoint
_KERNELS, _STACKS = "kernels", "/stacks"


def domains_file(topic: str) -> str:
    """Name of the asset that lists the domains of a topic, in the order of their kernels."""
    return f"kernels_{topic}.txt"


def directions_as_bytes(directions: Mapping[str, np.ndarray]) -> bytes:
    """The content of `DIRECTIONS_FILE`."""
    file = io.BytesIO()
    np.savez(file, **directions)  # type: ignore[arg-type]
    return file.getvalue()


def read_directions(folder: Path) -> dict[str, np.ndarray] | None:
    """Directions by task; None if kernels are folded without any."""
    path = folder / DIRECTIONS_FILE
    if not path.exists():
        return None
    return read_arrays(path)


def folded_to_serve(
    layer: DomainKernels, directions: Mapping[str, np.ndarray] | None
) -> FoldedKernels:
    """Kernels as a server runs them.

    Args:
      layer: The kernels.
      directions: See `DomainKernels.folded`.

    Raises:
      SchemaError: They read more than knowledge.
    """
    if layer.needed_features:
        raise SchemaError(
            f"kernels of {layer.topic} ({type(layer).__name__}) read "
            f"{', '.join(layer.needed_features)} beside knowledge, which an export cannot serve; "
            "expected kernels that read knowledge alone"
        )
    return layer.folded(directions)


def variables_read(
    functions: Mapping[str, Any], kernels: Mapping[str, ServedKernels]
) -> list[tf.Variable]:
    """Variables that functions read, without stacks, which have their own names in checkpoints."""
    stacks = [stack for served in kernels.values() for stack in served.stacks.values()]
    return [
        variable
        for function in functions.values()
        for variable in function.get_concrete_function().variables
        if not any(variable is stack for stack in stacks)
    ]


class KernelsApart(tf.train.experimental.ShardingCallback):
    """Stores stacks in a file of their own, so that an exchange leaves the base's file alone."""

    @property
    def description(self) -> str:
        """Told to TensorFlow."""
        return "stacks of kernels apart from everything else"

    def __call__(self, shardable_tensors: Sequence[Any]) -> list[dict[str, dict[str, Any]]]:
        """Two shards, or one without kernels."""
        shards: tuple[dict[str, dict[str, Any]], ...] = ({}, {})
        for one in shardable_tensors:
            shard = shards[_is_stack(one.checkpoint_key)]
            shard.setdefault(one.checkpoint_key, {})[one.slice_spec] = one.tensor
        return [shard for shard in shards if shard]


def read_stacks(version: Path, topic: str) -> dict[str, np.ndarray]:
    """Values of a topic's stacks in a version, by name; see `ServedKernels.stacks`."""
    before, after = _key(topic, "\0").split("\0")
    reader = _reader(version)
    return {
        key.removeprefix(before).removesuffix(after): reader.get_tensor(key)
        for key in reader.get_variable_to_shape_map()
        if key.startswith(before)
    }


def shards_of_base(version: Path) -> list[str]:
    """Files of variables that hold more than stacks, in their order, relative to the version."""
    header, entries = read_index(version / INDEX)
    held = {entry.shard_id for key, entry in entries.items() if not _is_stack(key)}
    return [_shard(place, header.num_shards) for place in sorted(held)]


def write_stacks(
    version: Path, folder: Path, stacks: Mapping[str, Mapping[str, np.ndarray]]
) -> dict[str, str]:
    """Writes the variables of a version to another folder, with other stacks.

    Files of the base are shared, see `share`; only stacks are written.

    Args:
      version: The version.
      folder: The other folder.
      stacks: By topic, of all topics.

    Returns:
      Paths of the files of the base in the version, by those in the folder.
    """
    header, entries = read_index(version / INDEX)
    base = {key: entry for key, entry in entries.items() if not _is_stack(key)}
    held = sorted({entry.shard_id for entry in base.values()})
    (folder / _VARIABLES).parent.mkdir()
    shared = {
        _shard(new, len(held) + 1): _shard(old, header.num_shards) for new, old in enumerate(held)
    }
    for new, old in shared.items():
        share(version / old, folder / new)
    for entry in base.values():
        entry.shard_id = held.index(entry.shard_id)
    values = {_key(topic, n): v for topic, named in stacks.items() for n, v in named.items()}
    save_tensors(values, folder / _VARIABLES)
    _, written = read_index(folder / INDEX)
    for entry in written.values():
        entry.shard_id = len(held)
    (folder / _shard(0, 1)).rename(folder / _shard(len(held), len(held) + 1))
    header.num_shards = len(held) + 1
    write_index(folder / INDEX, header, base | written)
    return shared


def _reader(version: Path) -> Any:
    stored_numbers((version / _VARIABLES).parent)
    return tf.train.load_checkpoint(str(version / _VARIABLES))


def _shard(place: int, of: int) -> str:
    """Path of a file of variables."""
    return f"{_VARIABLES}.data-{place:05}-of-{of:05}"


def _key(topic: str, stack: str) -> str:
    """Name of a stack's variable in a checkpoint."""
    return f"{_KERNELS}/{topic.replace('.', '..')}{_STACKS}/{stack}/.ATTRIBUTES/VARIABLE_VALUE"


def _is_stack(key: str) -> bool:
    return key.startswith(f"{_KERNELS}/") and f"{_STACKS}/" in key

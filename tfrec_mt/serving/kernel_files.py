"""Where an export stores its kernels, so that they can be exchanged."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.served_kernels import FoldedKernels, ServedKernels
from tfrec_mt.schema import SchemaError
from tfrec_mt.storage.arrays import read_arrays
from tfrec_mt.storage.variables import stored_numbers

# How each logit of a ranking model depends on its knowledge; a kernel is folded with it.
DIRECTIONS_FILE = "directions.npz"
# Key of a manifest: the slope below zero between the layers of each topic's kernels. It is part of
# the graph, so kernels of another slope cannot be added.
SLOPES = "negative_slopes"
# Key of a manifest: features that a topic's kernels remember; they are in the graph too.
MEMORIES = "memories"
_VARIABLES = Path("variables") / "variables"


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


def read_stacks(version: Path, topic: str) -> dict[str, np.ndarray]:
    """Values of a topic's stacks in a version, by name; see `ServedKernels.stacks`."""
    before, after = _key(topic, "\0").split("\0")
    reader = _reader(version)
    return {
        key.removeprefix(before).removesuffix(after): reader.get_tensor(key)
        for key in reader.get_variable_to_shape_map()
        if key.startswith(before)
    }


def write_stacks(
    version: Path, folder: Path, stacks: Mapping[str, Mapping[str, np.ndarray]]
) -> None:
    """Writes all variables of a version to another folder, with other stacks for some topics."""
    reader = _reader(version)
    new = {_key(topic, n): v for topic, values in stacks.items() for n, v in values.items()}
    keys = sorted(reader.get_variable_to_shape_map())
    (folder / _VARIABLES).parent.mkdir()
    tf.raw_ops.SaveV2(
        prefix=str(folder / _VARIABLES),
        tensor_names=keys,
        shape_and_slices=[""] * len(keys),
        tensors=[tf.constant(new[k] if k in new else reader.get_tensor(k)) for k in keys],
    )


def _reader(version: Path) -> Any:
    stored_numbers((version / _VARIABLES).parent)
    return tf.train.load_checkpoint(str(version / _VARIABLES))


def _key(topic: str, stack: str) -> str:
    """Name of a stack's variable in a checkpoint."""
    return f"kernels/{topic.replace('.', '..')}/stacks/{stack}/.ATTRIBUTES/VARIABLE_VALUE"

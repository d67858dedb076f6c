"""Saves and restores variables by name; any mismatch is an error."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfrec_mt.errors import DataError

FILE = "variables"
_SEED_NUMBER = re.compile(r"(^|/)seed_generator(_\d+)?/")


class VariableMismatchError(ValueError):
    """Stored variables do not fit those to restore; lists every difference."""


def named_variables(*owners: Any) -> dict[str, tf.Variable]:
    """The TensorFlow variables of Keras models, layers and optimizers by their Keras path.

    Variables that share a path are numbered in their owner's order. So are dropout seeds, which
    Keras numbers over the whole process.
    """
    named: dict[str, tf.Variable] = {}
    for owner in owners:
        for variable in owner.variables:
            path = _SEED_NUMBER.sub(r"\1seed_generator/", variable.path)
            twins = sum(name.partition("#")[0] == path for name in named)
            named[f"{path}#{twins}" if twins else path] = variable.value
    return named


def save_variables(variables: Mapping[str, tf.Variable], folder: Path) -> None:
    """Writes variables into an existing folder in TensorFlow's checkpoint format."""
    save_tensors({name: of.read_value() for name, of in variables.items()}, folder / FILE)


def save_tensors(tensors: Mapping[str, Any], prefix: Path) -> None:
    """Writes tensors or arrays as a checkpoint of one file and its index, `PREFIX.*`."""
    names = sorted(tensors)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.convert_to_tensor(tensors[name]) for name in names],
    )


def stored_numbers(folder: Path) -> tuple[int, int]:
    """How many variables a folder holds, and how many numbers in all.

    Raises:
      DataError: They claim more than their files hold.
      tensorflow.errors.OpError: A file is missing, cut or damaged.
    """
    reader = tf.train.load_checkpoint(str(folder / FILE))
    shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    numbers = {name: math.prod(shape) for name, shape in shapes.items()}
    needed = sum(n * (types[name].size or 1) for name, n in numbers.items() if _sized(types[name]))
    found = sum(path.stat().st_size for path in folder.glob(f"{FILE}.data-*"))
    if needed > found or min(numbers.values(), default=0) < 0:
        raise DataError(f"{folder}: its variables claim {needed:,} bytes, its files hold {found:,}")
    return len(numbers), sum(numbers.values())


def _sized(dtype: tf.DType) -> bool:
    """Whether each value takes as many bytes on disk as in memory."""
    return bool(dtype.is_floating or dtype.is_integer or dtype.is_bool or dtype.is_complex)


def load_variables(variables: Mapping[str, tf.Variable], folder: Path) -> None:
    """Restores variables; each must be stored with its shape and type, and no others may be.

    Raises:
      VariableMismatchError: Lists what is missing, what is extra and what differs.
      tensorflow.errors.OpError: A file is missing, cut or damaged.
    """
    reader = tf.train.load_checkpoint(str(folder / FILE))
    shapes = reader.get_variable_to_shape_map()
    types = reader.get_variable_to_dtype_map()
    problems = [f"missing in {folder}: {name}" for name in sorted(set(variables) - set(shapes))]
    problems += [f"not in the model: {name}" for name in sorted(set(shapes) - set(variables))]
    for name in sorted(set(shapes) & set(variables)):
        stored, wanted = tuple(shapes[name]), tuple(variables[name].shape)
        if stored != wanted or types[name] != variables[name].dtype:
            problems.append(
                f"{name}: stored {types[name].name}{list(stored)}, "
                f"the model has {variables[name].dtype.name}{list(wanted)}"
            )
    if problems:
        raise VariableMismatchError("variables do not fit:\n  " + "\n  ".join(problems))
    for name, variable in variables.items():
        restored = tf.raw_ops.RestoreV2(
            prefix=str(folder / FILE),
            tensor_names=[name],
            shape_and_slices=[""],
            dtypes=[variable.dtype],
        )
        variable.assign(restored[0])

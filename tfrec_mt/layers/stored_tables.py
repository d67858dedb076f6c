"""Embedding tables as they are stored for serving, in fewer bytes than they are trained in."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfrec_mt.configs.choices import TablePrecision
from tfrec_mt.errors import SchemaError
from tfrec_mt.layers.fused_embedding import FusedEmbedding, StoredTable

_MOST = 127


class Int8Rows(NamedTuple):
    """A table in bytes: a row is `codes * steps`.

    Attributes:
      codes: int8 `[R, D]`.
      steps: Of each column, float32 `[D]`, so that a column of large numbers, such as effects of
        ids, does not take the bits of the others. Nothing is clipped: the largest number of a
        column is exact, and rows of small numbers, which are those of rare ids, are coarsest.
    """

    codes: NDArray[np.int8]
    steps: NDArray[np.float32]

    @classmethod
    def of(cls, table: NDArray[np.float32]) -> "Int8Rows":
        """Rounds a table `[R, D]`."""
        steps = np.abs(table).max(axis=0, initial=0.0) / np.float32(_MOST)
        divisors = np.where(steps == 0, np.float32(1.0), steps)
        codes = np.rint(table / divisors).clip(-_MOST, _MOST).astype(np.int8)
        return cls(codes, steps)


@contextlib.contextmanager
def stored_tables(model: Any, precision: TablePrecision) -> Iterator[None]:
    """Inside the block a model looks embeddings up in tables of another precision.

    Args:
      model: A model; what it is trained with does not change.
      precision: `float32` leaves all as it is.

    Raises:
      SchemaError: The model has no such tables.
    """
    if precision == "float32":
        yield
        return
    layers = [
        layer
        for layer in (model._flatten_layers() if isinstance(model, keras.Model) else ())
        if isinstance(layer, FusedEmbedding)
    ]
    if not layers:
        raise SchemaError(
            f"table_precision={precision!r}: expected float32, {type(model).__name__} has no "
            "embedding tables of this package"
        )
    for layer in layers:
        table = layer.table.numpy()
        if precision == "int8":
            codes, steps = Int8Rows.of(table)
        else:
            codes, steps = table.astype(tf.bfloat16.as_numpy_dtype), None
        layer.stored = StoredTable(tf.Variable(codes, trainable=False), steps)
    try:
        yield
    finally:
        for layer in layers:
            layer.stored = None

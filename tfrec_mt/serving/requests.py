"""Raw rows as the tensors that an exported model takes."""

from typing import Any

import numpy as np
import polars as pl
import tensorflow as tf

from tfrec_mt.schema import DataError
from tfrec_mt.schema.errors import nearest
from tfrec_mt.serving.signatures import MISSING, Specs


def row_tensors(frame: pl.DataFrame, specs: Specs) -> dict[str, np.ndarray]:
    """Columns of a frame as inputs of `serving_default`; lists are padded, nulls are missing.

    Raises:
      DataError: A column is absent or cannot be of the input's type.
    """
    tensors = {}
    for name, spec in specs.items():
        if name not in frame.columns:
            raise DataError(f"rows lack input column {name!r}; {nearest(name, frame.columns)}")
        try:
            tensors[name] = _tensor(frame[name], spec)
        except (ValueError, TypeError, pl.exceptions.PolarsError) as error:
            raise DataError(
                f"column {name!r} of type {frame[name].dtype} cannot be input {name!r}, "
                f"which takes {spec.dtype.name}: {error}"
            ) from error
    return tensors


def _tensor(column: pl.Series, spec: tf.TensorSpec) -> np.ndarray:
    missing = MISSING[spec.dtype]
    if len(spec.shape) == 1:
        return _values(column, spec.dtype, missing)
    lists = column.fill_null(pl.Series([[]], dtype=column.dtype))
    lengths = lists.list.len().to_numpy()
    flat = _values(lists.explode(empty_as_null=False), spec.dtype, missing)
    shape = (len(lists), int(lengths.max(initial=0)))
    padded = np.full(shape, missing, dtype=flat.dtype)
    padded[np.arange(shape[1]) < lengths[:, np.newaxis]] = flat
    return padded


def _values(column: pl.Series, dtype: tf.DType, missing: Any) -> np.ndarray:
    if dtype == tf.string:
        return column.cast(pl.String).fill_null(missing).to_numpy().astype(object)
    kind: Any = pl.Int64 if dtype == tf.int64 else pl.Float32
    return column.cast(kind).fill_null(missing).to_numpy()

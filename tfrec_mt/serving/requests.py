"""Raw rows as the tensors that an exported model takes."""

import contextlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
import tensorflow as tf

from tfrec_mt.errors import nearest
from tfrec_mt.schema import DataError
from tfrec_mt.serving.history_inputs import is_history
from tfrec_mt.serving.serving_error import ServingError
from tfrec_mt.serving.signatures import MISSING, Specs


def with_scores(frame: pl.DataFrame, scores: Sequence[pl.Series]) -> pl.DataFrame:
    """Adds columns of scores to rows; warns of columns that they replace."""
    taken = [column.name for column in scores if column.name in frame.columns]
    if taken:
        warnings.warn(
            f"scores replace what the rows have in {', '.join(taken)}; rename these columns to "
            "keep them",
            stacklevel=4,
        )
    return frame.with_columns(scores)


def row_tensors(frame: pl.DataFrame, specs: Specs) -> dict[str, np.ndarray]:
    """Columns of a frame as inputs of `serving_default`; lists are padded, nulls are missing.

    These may be some of the rows of a call; `check_histories` is for all of them.

    Raises:
      DataError: A column is absent or cannot be of the input's type.
    """
    tensors = {}
    for name, spec in specs.items():
        if name not in frame.columns:
            raise DataError(f"rows lack input column {name!r}; {nearest(name, frame.columns)}")
        try:
            tensors[name] = _tensor(frame[name], spec)
        except (ValueError, TypeError, pl.exceptions.PolarsError):
            # without the values and the error about them, which may hold user ids
            raise DataError(
                f"column {name!r} of type {frame[name].dtype} cannot be input {name!r}, "
                f"which takes {'lists of ' * (len(spec.shape) - 1)}{spec.dtype.name}"
            ) from None
    return tensors


def check_histories(frame: pl.DataFrame, names: Iterable[str]) -> None:
    """Checks that the histories of each row are of one length, or left out.

    Args:
      frame: Rows.
      names: Columns that may be histories.

    Raises:
      DataError: They are not; names the row, counted from 1, and the columns.
    """
    lengths = {
        name: frame[name].list.len().fill_null(0).to_numpy()
        for name in names
        if is_history(name) and isinstance(frame.schema.get(name), pl.List)
    }
    if len(lengths) < 2:
        return
    every = np.stack([*lengths.values()], axis=1)  # [rows, histories]
    wrong = (every > 0) & (every != every.max(axis=1, keepdims=True, initial=0))
    if wrong.any():
        row = int(wrong.any(axis=1).argmax())
        got = ", ".join(f"{name} {own[row]}" for name, own in lengths.items())
        raise DataError(
            f"row {row + 1}: expected history lists of one length, or empty ones, got {got}"
        )


@contextlib.contextmanager
def counted_from(first: int) -> Iterator[None]:
    """A context in which errors tell from which row of a call the numbers in them count."""
    try:
        yield
    except (DataError, ServingError) as error:
        if not first:
            raise
        raise type(error)(f"of the rows from {first + 1:,} on: {error}") from error


def candidate_tensors(
    rows: dict[str, np.ndarray], items: set[str], size: int
) -> dict[str, np.ndarray]:
    """Rows as requests of `score_candidates`: the first row's user with the items of `size` rows.

    Args:
      rows: Inputs of `serving_default`, at least one row.
      items: Names of the item inputs.
      size: Items of the request; rows are repeated where there are fewer.
    """
    places = np.arange(size) % len(next(iter(rows.values())))
    return {
        name: values[places][np.newaxis] if name in items else values[:1]
        for name, values in rows.items()
    }


def examples(rows: dict[str, np.ndarray]) -> np.ndarray:
    """Rows as serialized `tf.Example`, `[B]`, for `parse_examples`."""
    count = len(next(iter(rows.values())))
    return np.array(
        [_example({name: values[i] for name, values in rows.items()}) for i in range(count)], object
    )


def _example(row: dict[str, Any]) -> bytes:
    features = {}
    for name, value in row.items():
        values = np.atleast_1d(value)
        if values.dtype.kind in "OSU":
            texts = [v if isinstance(v, bytes) else str(v).encode() for v in values]
            feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=texts))
        elif values.dtype.kind == "f":
            feature = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        else:
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        features[name] = feature
    return bytes(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def _tensor(column: pl.Series, spec: tf.TensorSpec) -> np.ndarray:
    missing = MISSING[spec.dtype]
    if len(spec.shape) == 1:
        return _values(column, spec.dtype, missing)
    lists = column.fill_null(pl.Series([[]], dtype=column.dtype))
    lengths = lists.list.len().to_numpy()
    inner = lists.filter(lists.list.len() > 0).explode()
    flat = _values(inner, spec.dtype, missing)
    shape = (len(lists), int(lengths.max(initial=0)))
    padded = np.full(shape, missing, dtype=flat.dtype)
    padded[np.arange(shape[1]) < lengths[:, np.newaxis]] = flat
    return padded


def _values(column: pl.Series, dtype: tf.DType, missing: Any) -> np.ndarray:
    if dtype == tf.string:
        return column.cast(pl.String).fill_null(missing).to_numpy().astype(object)
    kind: Any = pl.Int64 if dtype == tf.int64 else pl.Float32
    return column.cast(kind).fill_null(missing).to_numpy()

"""`row_batches`: rows of a person's own, in whatever form, with labels, domains and users."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import tensorflow as tf

from tfrec_mt.bases.attached_base import check_columns
from tfrec_mt.data.hashing import id_keys
from tfrec_mt.errors import DataError
from tfrec_mt.tables.frames import as_polars, column_array, is_frame

ROWS = 4096


@dataclass(frozen=True)
class RowBatch:
    """Some rows.

    Args:
      features: Columns `[B, ...]` by name, topics among them.
      labels: By task, float32 `[B]`, 0 or 1.
      users: Keys of users, int64 `[B]`.
    """

    features: dict[str, Any]
    labels: dict[str, npt.NDArray[np.float32]]
    users: npt.NDArray[np.int64]


def row_batches(
    data: Any,
    tasks: Sequence[str],
    topics: Sequence[str],
    labels: Mapping[str, str] | None = None,
    user: str | None = None,
) -> Iterator[RowBatch]:
    """Batches of rows.

    Args:
      data: A `tf.data.Dataset` of batches `(features, labels)`, a pair of columns by name and
        labels, or a pandas, Polars or Arrow frame, or columns, that holds both. Labels are arrays
        by task, or one array if there is one task.
      tasks: Tasks with a label.
      topics: Columns that name the rows' domains.
      labels: Of a frame: the column of each task's label; by default it is called like the task.
      user: Column of the user; None: each row is of a user of its own.

    Raises:
      DataError: The data are of another form, a column is not there, or a label is not 0 or 1.
    """
    first = 0
    for features, of_rows in _pairs(data, tasks, labels):
        check_columns(features, topics, "topics")
        found = _labels(of_rows, tasks, first)
        rows = len(found[tasks[0]])
        for name, values in features.items():
            if len(values) != rows:
                raise DataError(
                    f"column {name!r}: expected {rows} rows as in the labels, got {len(values)}"
                )
        yield RowBatch(dict(features), found, _users(features, user, first, rows))
        first += rows
    if not first:
        raise DataError("there are no rows")


def _pairs(
    data: Any, tasks: Sequence[str], labels: Mapping[str, str] | None
) -> Iterator[tuple[Mapping[str, Any], Any]]:
    if isinstance(data, tf.data.Dataset):
        for batch in data:
            yield _pair(batch)
        return
    if is_frame(data):
        given, found = _of_frame(data, tasks, labels)
    else:
        given, found = _pair(data)
    columns = {name: _array(values) for name, values in given.items()}
    found = (
        {task: np.asarray(values) for task, values in found.items()}
        if isinstance(found, Mapping)
        else np.asarray(found)
    )
    rows = len(next(iter(found.values())) if isinstance(found, dict) else found)
    for start in range(0, rows, ROWS):
        part = slice(start, start + ROWS)
        yield (
            {name: values[part] for name, values in columns.items()},
            {task: values[part] for task, values in found.items()}
            if isinstance(found, dict)
            else found[part],
        )


def _pair(batch: Any) -> tuple[Mapping[str, Any], Any]:
    if not (isinstance(batch, tuple | list) and len(batch) == 2 and isinstance(batch[0], Mapping)):
        raise DataError(
            "expected batches (features by name, labels), a pair of such, or a frame, got "
            + (f"{len(batch)} parts" if isinstance(batch, tuple | list) else type(batch).__name__)
        )
    return batch[0], batch[1]


def _of_frame(
    data: Any, tasks: Sequence[str], labels: Mapping[str, str] | None
) -> tuple[Mapping[str, Any], Any]:
    if isinstance(data, Mapping):
        columns = dict(data)
    else:
        columns = {column.name: column for column in as_polars(data)}
    names = {task: (labels or {}).get(task, task) for task in tasks}
    check_columns(columns, [*names.values()], "labels")
    found = {task: _array(columns[name]) for task, name in names.items()}
    return {n: x for n, x in columns.items() if n not in names.values()}, found


def _array(values: Any) -> npt.NDArray[Any]:
    return column_array(values) if isinstance(values, pl.Series) else np.asarray(values)


def _labels(given: Any, tasks: Sequence[str], first: int) -> dict[str, npt.NDArray[np.float32]]:
    if not isinstance(given, Mapping):
        if len(tasks) != 1:
            raise DataError(f"labels: expected arrays by task, {', '.join(tasks)}, got one array")
        given = {tasks[0]: given}
    check_columns(given, tasks, "labels")
    found = {}
    for task in tasks:
        values = np.asarray(given[task], np.float32).reshape(-1)
        wrong = np.flatnonzero((values != 0) & (values != 1))
        if len(wrong):
            raise DataError(
                f"label of {task!r}: expected 0 or 1, got {values[wrong[0]]:g} in row "
                f"{first + int(wrong[0]) + 1}"
            )
        found[task] = values
    return found


def _users(
    features: Mapping[str, Any], user: str | None, first: int, rows: int
) -> npt.NDArray[np.int64]:
    if user is None:
        return np.arange(first, first + rows, dtype=np.int64)
    check_columns(features, [user], "users")
    values = np.asarray(features[user]).reshape(-1)
    if values.dtype.kind in "OSU":
        texts = [x.decode() if isinstance(x, bytes) else str(x) for x in values]
        return id_keys(pl.Series(texts, dtype=pl.String))
    return id_keys(pl.Series(values.astype(np.int64)))

"""`OwnRows`: your own rows in any form, with labels, domains and users."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl
import tensorflow as tf

from tfrec_mt.bases.attached_base import check_columns
from tfrec_mt.data.hashing import id_keys
from tfrec_mt.errors import DataError
from tfrec_mt.schema import Task
from tfrec_mt.tables.frames import as_polars, column_array, is_frame

ROWS = 4096
_SAMPLED = 256


@dataclass(frozen=True)
class RowBatch:
    """A batch of rows.

    Args:
      features: Columns `[B, ...]` by name, topics among them.
      labels: By task, float32 `[B]`, NaN for none.
      users: Keys of users, int64 `[B]`.
    """

    features: dict[str, Any]
    labels: dict[str, npt.NDArray[np.float32]]
    users: npt.NDArray[np.int64]


@dataclass(frozen=True)
class OwnRows:
    """Your own rows in any form, as the log of an attached model.

    Args:
      data: A `tf.data.Dataset` of batches `(features, labels)`, a pair of columns by name and
        labels, a pandas, Polars or Arrow frame or columns that hold both, or what has `batches` of
        its own, such as a `KnowledgeTable`. Labels are arrays by task, or one array if there is one
        task; NaN or null is no label. To export, features of some rows are enough, or none.
      labels: Of a frame: the column of each task's label; by default the one that the task names.
      user: Column of the user; None: each row is of a user of its own.
    """

    data: Any = None
    labels: Mapping[str, str] | None = None
    user: str | None = None
    path: ClassVar[None] = None
    fingerprint: ClassVar[str] = ""  # rows are compared when they are read

    @property
    def user_column(self) -> str | None:
        """Column of the user, which the data may name itself."""
        found: str | None = getattr(self.data, "user", None) if self.user is None else self.user
        return found

    def batches(self, tasks: Sequence[Task], topics: Sequence[str]) -> Iterator[RowBatch]:
        """Batches of rows.

        Args:
          tasks: Tasks with a label.
          topics: Columns that name the rows' domains.

        Raises:
          DataError: The data are of another form, a column is not there, or a label is none of its
            task's.
        """
        if hasattr(self.data, "batches") and self.labels is None and self.user is None:
            yield from self.data.batches(topics)
            return
        first = 0
        for features, of_rows in _pairs(self.data, tasks, self.labels):
            check_columns(features, topics, "topics")
            found = _labels(of_rows, tasks, first)
            rows = len(found[tasks[0].name])
            for name, values in features.items():
                if len(values) != rows:
                    raise DataError(
                        f"column {name!r}: expected {rows} rows as in the labels, got {len(values)}"
                    )
            yield RowBatch(dict(features), found, _users(features, self.user, first, rows))
            first += rows
        if not first:
            raise DataError("there are no rows")

    def sample(self) -> Mapping[str, Any] | None:
        """Features of some rows `[B, ...]`, None if there are none."""
        data = self.data
        if hasattr(data, "batches"):
            data = next(data.batches()).features
        elif isinstance(data, tf.data.Dataset):
            data = next(iter(data))
        elif is_frame(data) and not isinstance(data, Mapping):
            data = {column.name: column_array(column) for column in as_polars(data)}
        features = data[0] if isinstance(data, tuple | list) else data
        return None if features is None else {n: x[:_SAMPLED] for n, x in features.items()}


def _pairs(
    data: Any, tasks: Sequence[Task], labels: Mapping[str, str] | None
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
    data: Any, tasks: Sequence[Task], labels: Mapping[str, str] | None
) -> tuple[Mapping[str, Any], Any]:
    if isinstance(data, Mapping):
        columns = dict(data)
    else:
        columns = {column.name: column for column in as_polars(data)}
    names = {task.name: (labels or {}).get(task.name, task.column) for task in tasks}
    check_columns(columns, [*names.values()], "labels")
    found = {task: label_array(columns[name]) for task, name in names.items()}
    return {n: x for n, x in columns.items() if n not in names.values()}, found


def label_array(values: Any) -> npt.NDArray[Any]:
    """A column of labels, with NaN for null.

    Raises:
      DataError: It has texts.
    """
    if not isinstance(values, pl.Series):
        return np.asarray(values)
    if not (values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.Null)):
        raise DataError(f"label {values.name!r}: expected numbers, got {values.dtype}")
    return values.cast(pl.Float32).fill_null(np.nan).to_numpy()


def _array(values: Any) -> npt.NDArray[Any]:
    return column_array(values) if isinstance(values, pl.Series) else np.asarray(values)


def _labels(given: Any, tasks: Sequence[Task], first: int) -> dict[str, npt.NDArray[np.float32]]:
    names = [task.name for task in tasks]
    if not isinstance(given, Mapping):
        if len(tasks) != 1:
            raise DataError(f"labels: expected arrays by task, {', '.join(names)}, got one array")
        given = {names[0]: given}
    check_columns(given, names, "labels")
    found = {}
    for task in tasks:
        values = np.asarray(given[task.name], np.float32).reshape(-1)
        fits = np.isin(values, (0, 1)) if task.binary else np.isfinite(values)
        wrong = np.flatnonzero(~fits & ~np.isnan(values))
        if len(wrong):
            expected = "0, 1 or null" if task.binary else "a finite number or null"
            raise DataError(
                f"label of {task.name!r}: expected {expected}, got {values[wrong[0]]:g} in row "
                f"{first + int(wrong[0]) + 1}"
            )
        found[task.name] = values
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

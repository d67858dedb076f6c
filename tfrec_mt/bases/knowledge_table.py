"""`KnowledgeTable`: vectors and logits that any framework has written, as data and as a base."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import tensorflow as tf

from tfrec_mt.bases.attached_base import Specs, as_texts, check_columns
from tfrec_mt.bases.offset_base import OffsetBase, by_task
from tfrec_mt.bases.own_rows import ROWS, OwnRows, RowBatch, label_array
from tfrec_mt.errors import DataError
from tfrec_mt.schema import Task
from tfrec_mt.tables.files import file_columns, find_files, read_file
from tfrec_mt.tables.frames import as_polars, column_array, is_frame

Columns = dict[str, npt.NDArray[Any]]


class TableBase(OffsetBase):
    """The model that wrote a table: its vectors and logits are columns; see `OffsetBase`."""

    kind = "table"

    def __init__(
        self,
        vectors: Mapping[str, str],
        logits: Mapping[str, str],
        widths: Mapping[str, int],
        topics: Mapping[str, tuple[str, ...]],
        model: str,
        tasks: Sequence[Task],
    ) -> None:
        super().__init__(vectors, logits, widths, topics, tasks)
        self._given, self._model = dict(widths), model

    def known(self, features: Mapping[str, Any]) -> Mapping[str, Any]:
        names = [*self._given, *self.logit_names.values()]
        check_columns(features, names, "the table")
        for name, width in self._given.items():
            if (came := features[name].shape)[1:] != (width,):
                raise DataError(f"column {name!r}: expected vectors of {width}, got {[*came]}")
        return {name: features[name] for name in names}

    def input_specs(self) -> Specs:
        specs = {
            name: tf.TensorSpec([None, width], tf.float32, name)
            for name, width in self._given.items()
        }
        for name in self.logit_names.values():
            specs[name] = tf.TensorSpec([None], tf.float32, name)
        return specs

    def tracked(self) -> list[Any]:
        return []

    def fingerprint(self) -> str:
        """Digest of the model's name, tasks and widths, as its weights are not known."""
        told = (self._model, [(task, self.knowledge_widths[task]) for task in self.tasks])
        numbers = self.regressions()
        found = (self.kind, told, numbers) if numbers else (self.kind, told)
        return hashlib.sha256(repr(found).encode()).hexdigest()


class KnowledgeTable:
    """Rows with a vector and a logit for each task, written by a model of any framework.

    The table is the data of kernels, and `base` is what they attach to. An export is a small model
    of the kernels alone, for a server next to the one that computes vectors and logits.

    Args:
      rows: Parquet files (a path, a glob or several), a pandas, Polars or Arrow frame, or arrays by
        name. Vectors are lists, fixed-size arrays, or of arrays `[n, D]`.
      knowledge: Column of the vector of all tasks, or one by task.
      logits: Column of the logit by task.
      labels: Column of the label by task; None: the rows have none.
      topics: By column that names a row's domain its domains, or None for all that occur; or the
        columns alone.
      user: Column of the user; None: each row is of a user of its own.
      model: What identifies the model that wrote the vectors, such as the hash of its checkpoint.
        Kernels are bound to it: vectors of another model are none that they can read.
      tasks: Tasks of `logits` that are regressions, whose logit is the value itself.

    Attributes:
      base: What kernels attach to.

    Raises:
      DataError: A column is not there, or holds no vectors of one length.

    Example:
      >>> table = mt.KnowledgeTable(vectors, knowledge="h", logits={"ctr": "z"},
      ...                        labels={"ctr": "click"}, topics=["market"])
      >>> table.base.topics["market"]
      ('de', 'us')
    """

    def __init__(
        self,
        rows: Any,
        knowledge: str | Mapping[str, str] = "h",
        logits: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        topics: Mapping[str, Sequence[str] | None] | Sequence[str] = (),
        user: str | None = None,
        model: str = "",
        tasks: Sequence[Task] = (),
    ) -> None:
        self._rows, self.user = rows, user
        logits = {"ctr": "z"} if logits is None else logits
        self.labels = None if labels is None else dict(labels)
        vectors = by_task(knowledge, tuple(logits))
        given = topics if isinstance(topics, Mapping) else dict.fromkeys(topics)
        first = next(self._chunks(None), None)
        if first is None:
            raise DataError("the table has no rows")
        check_columns(first, [*vectors.values(), *logits.values(), *given], "the table")
        widths = {}
        for name in vectors.values():
            if first[name].ndim != 2:
                raise DataError(
                    f"column {name!r}: expected vectors of one length, got "
                    f"{first[name].dtype} {[*first[name].shape]}"
                )
            widths[name] = int(first[name].shape[1])
        domains = {
            topic: self._found_domains(topic) if names is None else tuple(map(str, names))
            for topic, names in given.items()
        }
        self.base = TableBase(vectors, logits, widths, domains, model, tasks)

    def batches(self, topics: Sequence[str] | None = None) -> Iterator[RowBatch]:
        """The rows with their labels.

        Args:
          topics: Columns that must be there; None: the topics of the base.
        """
        if self.labels is None:
            raise DataError("labels: expected a column for each task, the table was given none")
        topics = [*self.base.topics] if topics is None else topics
        first = 0
        for columns in self._chunks(None):
            rows = OwnRows(columns, self.labels, self.user)
            for batch in rows.batches(self.base.learned_tasks(), topics):
                users = batch.users + first if self.user is None else batch.users
                yield RowBatch(batch.features, batch.labels, users)
                first += len(users)

    def _found_domains(self, topic: str) -> tuple[str, ...]:
        found: set[str] = set()
        for columns in self._chunks([topic]):
            check_columns(columns, [topic], "topics")
            texts = as_texts(np.unique(columns[topic]), topic).numpy()
            found |= {text.decode() for text in texts}
        return tuple(sorted(found - {""}))

    def _chunks(self, names: Sequence[str] | None) -> Iterator[Columns]:
        """The rows in chunks, with all columns or some."""
        if isinstance(self._rows, Mapping):
            whole = {n: np.asarray(x) for n, x in self._rows.items() if names is None or n in names}
            rows = len(next(iter(whole.values()), ()))
            for start in range(0, rows, ROWS):
                yield {name: values[start : start + ROWS] for name, values in whole.items()}
            return
        for frame in self._frames(names):
            for part in frame.iter_slices(ROWS):
                yield {
                    column.name: label_array(column)
                    if column.name in (self.labels or {}).values()
                    else column_array(column)
                    for column in part
                }

    def _frames(self, names: Sequence[str] | None) -> Iterator[pl.DataFrame]:
        if is_frame(self._rows):
            frame = as_polars(self._rows)
            yield frame if names is None else frame.select(n for n in names if n in frame.columns)
            return
        for file in find_files(self._rows):
            yield from read_file(file, [*names] if names else file_columns(file))

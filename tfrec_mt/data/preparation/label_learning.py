"""Moments of regression labels, and warnings about missing labels."""

import dataclasses
from collections import Counter

import numpy as np
import polars as pl
from absl import logging

from tfrec_mt.data.numeric import Moments
from tfrec_mt.errors import DataError
from tfrec_mt.schema import Schema, Task


class LabelLearner:
    """Moments of regression labels over the first part, and counts of missing labels over all."""

    def __init__(self, schema: Schema) -> None:
        self._tasks = {task.name: task for task in schema.tasks}
        self._weight, self._weighs = schema.keys.weight, False
        self._moments = {task.name: Moments() for task in schema.tasks if not task.binary}
        self._rows, self._first = 0, Counter[str]()
        self._missing, self._outside, self._apart = Counter[str](), Counter[str](), Counter[str]()

    def add(self, frame: pl.DataFrame, first: pl.Series) -> None:
        """Adds checked rows `[n]`; `first` marks those of the first part."""
        self._rows += len(frame)
        if self._weight:
            self._weighs |= (frame[self._weight].filter(first) > 0).any()
        for name, task in self._tasks.items():
            label = frame[task.column]
            absent = label.is_null()
            self._missing[name] += int(absent.sum())
            seen = label.filter(first & ~absent)
            self._first[name] += len(seen)
            if name in self._moments:
                values = seen.to_numpy().astype(np.float64)
                logarithmic = task.loss == "squared_log"
                self._moments[name].add(np.log1p(values) if logarithmic else values)
            if task.within:
                without = (frame[self._tasks[task.within].column] == 0).fill_null(False)
                self._outside[name] += int(without.sum())
                self._apart[name] += int((without & absent).sum())

    def learned(self) -> tuple[Task, ...]:
        """The tasks with their moments; warns about missing labels.

        Raises:
          DataError: The first part has no label of a task, or no row that weighs anything.
        """
        if self._weight and not self._weighs:
            raise DataError(
                f"weight {self._weight!r}: expected some above 0 in the first part, all are 0"
            )
        found = []
        for name, task in self._tasks.items():
            if not self._first[name]:
                raise DataError(
                    f"label {task.column!r} of task {name!r}: expected some in the first part, "
                    "all are null"
                )
            if missing := self._missing[name]:
                logging.warning(
                    "task %s: %.3g%% of the rows have no label; they train nothing of it",
                    name,
                    100 * missing / self._rows,
                )
            if self._outside[name] and self._apart[name] == self._outside[name]:
                logging.warning(
                    "task %s: no row without %s has a label, so it is learned among the others "
                    "alone; write 0 there to learn its chance over all rows",
                    name,
                    task.within,
                )
            if name in self._moments:
                mean, std = self._moments[name].mean_and_std()
                task = dataclasses.replace(task, mean=mean, std=std)
            found.append(task)
        return tuple(found)

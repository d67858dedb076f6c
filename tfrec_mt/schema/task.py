"""`Task`: one thing that a model predicts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.schema.usable_names import why_unusable

TaskKind = Literal["binary", "regression"]
# They learn the mean, the median, or the mean of log(1 + label).
RegressionLoss = Literal["squared", "absolute", "squared_log"]
LOSSES: tuple[RegressionLoss, ...] = ("squared", "absolute", "squared_log")
# The key of row weights among the labels of a batch.
ROW_WEIGHT = "row_weight"
# Names that training, the sample of requests and exported models write next to tasks.
_KEPT = ("loss", "row", "unknown_item", "unknown_user", "used_fallback", ROW_WEIGHT)


@dataclass(frozen=True)
class Task:
    """A label that a model learns, and the task that it happens within.

    A null label is no label: the row trains nothing of this task and counts in no metric of it.

    Args:
      name: The name of the prediction.
      within: The binary task without which this one cannot happen: an order happens within a
        click. Its label is 0 or null wherever the label of that task is 0.
      label: Its column; by default named as the task.
      kind: `binary`: the label is 0 or 1. `regression`: a number, such as seconds or a price.
      loss: Of regression, see `LOSSES`; `squared` by default. Binary tasks have the log loss.
      weight: Its weight in the loss.
      mean, std: Moments of a regression label over the first part of the data, for `squared_log`
        of log(1 + label); learned.

    Raises:
      SchemaError: No name, a task within itself, or a setting that its kind does not have.

    Example:
      >>> mt.Task("bought", within="clicked")
    """

    name: str
    within: str | None = None
    label: str | None = None
    kind: TaskKind = "binary"
    loss: RegressionLoss | None = None
    weight: float = 1.0
    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        if not self.name:
            raise SchemaError("task: expected a name, got empty text")
        where = f"task {self.name!r}"
        if self.within == self.name:
            raise SchemaError(f"{where}: expected another task in within=, got its own name")
        if self.kind not in ("binary", "regression"):
            raise SchemaError(f"{where}: expected kind binary or regression, got {self.kind!r}")
        if self.kind == "binary" and self.loss is not None:
            raise SchemaError(f"{where}: expected no loss= of a binary task, got {self.loss!r}")
        if self.kind == "regression" and self.loss is None:
            object.__setattr__(self, "loss", "squared")
        if self.loss not in (None, *LOSSES):
            raise SchemaError(
                f"{where}: loss={self.loss!r}: unknown; {nearest(str(self.loss), LOSSES)}"
            )
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise SchemaError(f"{where}: expected a weight of at least 0, got {self.weight}")
        if not (math.isfinite(self.mean) and math.isfinite(self.std) and self.std > 0):
            raise SchemaError(
                f"{where}: mean must be finite and std positive, got {self.mean} and {self.std}"
            )

    @property
    def column(self) -> str:
        """The label's column."""
        return self.label or self.name

    @property
    def binary(self) -> bool:
        """Whether the label is 0 or 1."""
        return self.kind == "binary"


def click_tasks(click: str, conversion: str | None = None) -> tuple[Task, ...]:
    """`ctr` (a click) and, if there are conversions, `ctcvr` (click and conversion)."""
    tasks = (Task("ctr", label=click),)
    return (*tasks, Task("ctcvr", "ctr", conversion)) if conversion else tasks


def check_tasks(tasks: Sequence[Task]) -> None:
    """Checks tasks against each other.

    Raises:
      SchemaError: There is none, a name or label is used twice, a name cannot be that of an output,
        or a task is within one that is unknown, a regression, or within it in turn.
    """
    if not tasks:
        raise SchemaError("tasks: expected at least one")
    named = {task.name: task for task in tasks}
    columns = [task.column for task in tasks]
    for task in tasks:
        why = why_unusable(task.name)
        if not why and task.name in _KEPT:
            why = f"expected none of {', '.join(_KEPT)}"
        if why:
            raise SchemaError(f"task {task.name!r}: {why}; label= names a column of another name")
        if sum(other.name == task.name for other in tasks) > 1:
            raise SchemaError(f"tasks: expected distinct names, got {task.name!r} twice")
        if columns.count(task.column) > 1:
            raise SchemaError(f"tasks: expected a label for each, {task.column!r} is one of two")
        outer, seen = task, [task.name]
        while outer.within is not None:
            if outer.within not in named:
                raise SchemaError(
                    f"task {outer.name!r} is within {outer.within!r}, which is no task; "
                    f"{nearest(outer.within, named)}"
                )
            outer = named[outer.within]
            if not outer.binary:
                raise SchemaError(
                    f"task {task.name!r} is within {outer.name!r}: expected a binary task, "
                    "got a regression"
                )
            if outer.name in seen:
                raise SchemaError(f"tasks: {', '.join(seen)} are within each other")
            seen.append(outer.name)

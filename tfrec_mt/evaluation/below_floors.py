"""`below_floors`: finds models that score below their floors."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tfrec_mt.evaluation.cells import ALL, Cell
from tfrec_mt.evaluation.estimate import difference
from tfrec_mt.evaluation.metric_table import MetricTable

_HIGHER_IS_BETTER = ("auc",)
ADVICE = (
    "Kernels cannot make up for what a base has not learned: validate each pass (`validation`, "
    "`patience`), try other numbers of passes and a lower rate."
)
KERNEL_ADVICE = (
    "The base is above its floor, what was trained behind it is not: try other numbers of passes "
    "(`epochs`) and a lower `learning_rate` there."
)


@dataclass(frozen=True)
class BelowFloor:
    """A model that scores below its floor.

    Args:
      model: Its name.
      floor: Name of the floor.
      task: The task.
      how: In which figures.
      advice: What to try.
    """

    model: str
    floor: str
    task: str
    how: str
    advice: str

    def __str__(self) -> str:
        return f"{self.model} is below {self.floor} in {self.task}: {self.how}."


def below_floors(
    table: MetricTable,
    floors: Mapping[str, Sequence[str]],
    tasks: Sequence[str],
    advice: Mapping[str, str],
) -> Iterator[BelowFloor]:
    """Yields each model and task below its floor over all rows.

    Args:
      table: The metrics.
      floors: What each model must beat, the base first.
      tasks: Task names.
      advice: What to try by model.
    """
    pairs = [(model, floor) for model, own in floors.items() for floor in own]
    for (model, floor), task in itertools.product(pairs, tasks):
        worse = [
            said
            for metric in table.metrics_of(task)
            if metric in ("auc", "log_loss", "rmse")
            and (said := _worse(table, model, floor, task, metric))
        ]
        if worse:
            yield BelowFloor(model, floor, task, "; ".join(worse), advice[model])


def below_sentences(found: Sequence[BelowFloor]) -> list[str]:
    """A sentence for each, then the advice of the first: what it lacks, the others lack too."""
    return [*map(str, found), *(one.advice for one in found[:1])]


def _worse(table: MetricTable, model: str, floor: str, task: str, metric: str) -> str | None:
    cell = Cell(ALL, ALL)
    own, other = (table.estimate(name, task, cell, metric) for name in (model, floor))
    lead = difference(own, other) if metric in _HIGHER_IS_BETTER else difference(other, own)
    if not lead.value < 0:
        return None
    _, high = lead.interval()
    name = metric.replace("_", " ")
    certain = ", beyond the 95% interval" if high is not None and high < 0 else ""
    digits = 4 if abs(lead.value) >= 1e-4 else 6
    return f"{name} {own.value:.{digits}f} against {other.value:.{digits}f}{certain}"

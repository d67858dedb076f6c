"""From the tasks' logits to what a model predicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from tfrec_mt.schema import Task


def outputs(
    logits: Mapping[str, Any], tasks: Sequence[Task], chained: bool = False
) -> dict[str, Any]:
    """Probabilities of binary tasks and values of regressions, of the logits' shapes.

    A regression's logit counts in deviations from its mean; with `squared_log` it is of
    log(1 + value).

    Args:
      logits: By task.
      tasks: The tasks, in any order.
      chained: Whether a logit is of what happens once the outer task has happened. It is then
        multiplied by the outer task's probability, so that nothing is more probable than what it
        is within.
    """
    found: dict[str, Any] = {}
    named = {task.name: task for task in tasks}

    def output(task: Task) -> Any:
        if task.name not in found:
            own = _own(task, logits[task.name])
            inside = chained and task.within is not None
            found[task.name] = output(named[str(task.within)]) * own if inside else own
        return found[task.name]

    return {task.name: output(task) for task in tasks}


def _own(task: Task, logit: Any) -> Any:
    if task.binary:
        return keras.ops.sigmoid(logit)
    value = task.mean + task.std * logit
    return keras.ops.expm1(value) if task.loss == "squared_log" else value

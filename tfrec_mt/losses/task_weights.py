"""Weights of tasks in a loss."""

from collections.abc import Collection, Mapping

from tfrec_mt.errors import SchemaError, nearest


def check_task_weights(weights: Mapping[str, float], tasks: Collection[str]) -> None:
    """Checks that every weight is a task's, and none below 0.

    Raises:
      SchemaError: Names the one that is not.
    """
    for task, weight in weights.items():
        if task not in tasks:
            raise SchemaError(f"task_weights: no task {task!r}; {nearest(task, tasks)}")
        if weight < 0:
            raise SchemaError(f"task_weights: expected at least 0 for {task!r}, got {weight}")

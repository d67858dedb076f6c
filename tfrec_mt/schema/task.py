"""`Task`: one thing that a model predicts."""

from dataclasses import dataclass

from tfrec_mt.errors import SchemaError


@dataclass(frozen=True)
class Task:
    """A label that a model learns, and the task that it happens within.

    Args:
      name: The label column, 0 or 1 in every row.
      within: The task without which this one cannot happen: an order happens within a click. Its
        label is 0 wherever the label of that task is 0.

    Raises:
      SchemaError: No name, or a task within itself.

    Example:
      >>> Schema.infer(log, user="uid", item="iid",
      ...              tasks=["clicked", Task("bought", within="clicked")])
    """

    name: str
    within: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise SchemaError("task: expected the name of a label column, got empty text")
        if self.within == self.name:
            raise SchemaError(
                f"task {self.name!r}: expected another task in within=, got its own name"
            )

"""The columns that a person names: keys, labels and topics."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.schema.inference.column_names import suggestion, unusable_name
from tfrec_mt.schema.task import Task

_QUESTIONS = {
    "user": "which column says who a row is of",
    "item": "which column says what was shown",
    "tasks": "which column holds the label, 0 or 1",
}
_LISTED = 40


@dataclass(frozen=True)
class Roles:
    """Which column plays which role, all of them in the log and none twice.

    Args:
      user, item, time, request: The keys.
      click: The label of the first task.
      conversion: The label of the task within it.
      topics: Domain columns.
    """

    user: str
    item: str
    time: str | None
    request: str | None
    click: str
    conversion: str | None
    topics: tuple[str, ...]

    @property
    def names(self) -> dict[str, str]:
        """The role of each named column."""
        named: dict[str | None, str] = {
            self.user: "user",
            self.item: "item",
            self.time: "time",
            self.request: "request",
            self.click: "label",
            self.conversion: "label",
            **dict.fromkeys(self.topics, "topic"),
        }
        return {name: role for name, role in named.items() if name is not None}


def check_roles(
    columns: Sequence[str],
    *,
    user: str | None,
    item: str | None,
    time: str | None,
    request: str | None,
    tasks: Sequence[str | Task] | str | Task,
    topics: Sequence[str] | str,
) -> Roles:
    """Checks the columns that a person named.

    Args:
      columns: The columns of the log.
      user: The user key.
      item: The item key.
      time: The time, if there is one.
      request: The request key, if there is one.
      tasks: One or two tasks; a single one need not be in a list.
      topics: Names of the topics; a single one need not be in a list.

    Returns:
      The roles.

    Raises:
      SchemaError: A column that must be named is not, is not in the log, has two roles or a name
        that it cannot have; tasks that this release does not train.
    """
    tasks = [tasks] if isinstance(tasks, str | Task) else list(tasks)
    topics = [topics] if isinstance(topics, str) else list(topics)
    for role, given in (("user", user), ("item", item), ("tasks", tasks)):
        if not given:
            raise SchemaError(_question(role, columns))
    assert user is not None and item is not None
    labels = _labels([Task(task) if isinstance(task, str) else task for task in tasks])
    named = [("user", user), ("item", item), ("time", time), ("request", request)]
    named += [("tasks", label) for label in labels] + [("topics", name) for name in topics]
    for role, name in named:
        if name is not None and name not in columns:
            raise SchemaError(f"{role}=: the log has no column {name!r}; {nearest(name, columns)}")
        problem = unusable_name(name) if role in ("user", "item", "topics") and name else ""
        if problem:
            raise SchemaError(f"{role}=: column {name!r} cannot be used: {problem}; rename it")
    twice = [
        name for name, times in Counter(name for _, name in named if name).items() if times > 1
    ]
    if twice:
        roles = " and ".join(f"{role}=" for role, name in named if name == twice[0])
        raise SchemaError(f"{roles}: column {twice[0]!r} is named twice, expected one role")
    conversion = labels[1] if len(labels) == 2 else None
    return Roles(user, item, time, request, labels[0], conversion, tuple(topics))


def _question(role: str, columns: Sequence[str]) -> str:
    shown = ", ".join(columns[:_LISTED])
    if len(columns) > _LISTED:
        shown += f" and {len(columns) - _LISTED} more"
    likely = suggestion(role, columns)
    hint = f"; did you mean {likely!r}?" if likely else ""
    return f"{role}=: {_QUESTIONS[role]}? Columns: {shown}{hint}"


def _labels(tasks: Sequence[Task]) -> list[str]:
    """The label columns of tasks that this release trains."""
    names = [task.name for task in tasks]
    trains = "this release trains one task, or two of which the second happens within the first"
    if len(tasks) > 2:
        raise SchemaError(f"tasks=: {trains}; got {len(tasks)}: {names}")
    first = tasks[0]
    if first.within is not None:
        raise SchemaError(
            f"tasks=: the first task {first.name!r} is within {first.within!r}, expected that one "
            f"before it: tasks=[{first.within!r}, Task({first.name!r}, within={first.within!r})]"
        )
    for task in tasks[1:]:
        if task.within is None:
            raise SchemaError(
                f"tasks=: {trains}; if there is no {task.name!r} without {first.name!r}, "
                f"write Task({task.name!r}, within={first.name!r})"
            )
        if task.within != first.name:
            raise SchemaError(
                f"tasks=: {task.name!r} is within {task.within!r}, expected the task before it; "
                f"{nearest(task.within, [first.name])}"
            )
    return names

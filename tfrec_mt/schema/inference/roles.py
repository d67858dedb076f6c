"""The columns that a person names: keys, labels and topics."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.schema.inference.column_names import suggestion, unusable_name
from tfrec_mt.schema.task import Task, check_tasks, click_tasks

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
      tasks: The tasks, by the names that the model gives them.
      topics: Domain columns.
    """

    user: str
    item: str
    time: str | None
    request: str | None
    tasks: tuple[Task, ...]
    topics: tuple[str, ...]

    @property
    def click(self) -> str | None:
        """The label of the first binary task."""
        return next((task.column for task in self.tasks if task.binary), None)

    @property
    def names(self) -> dict[str, str]:
        """The role of each named column."""
        named: dict[str | None, str] = {
            self.user: "user",
            self.item: "item",
            self.time: "time",
            self.request: "request",
            **{task.column: "label" for task in self.tasks},
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
      tasks: The tasks; a single one need not be in a list.
      topics: Names of the topics; a single one need not be in a list.

    Returns:
      The roles.

    Raises:
      SchemaError: A column that must be named is not, is not in the log, has two roles or a name
        that it cannot have; tasks that contradict each other.
    """
    tasks = [tasks] if isinstance(tasks, str | Task) else list(tasks)
    topics = [topics] if isinstance(topics, str) else list(topics)
    for role, given in (("user", user), ("item", item), ("tasks", tasks)):
        if not given:
            raise SchemaError(_question(role, columns))
    assert user is not None and item is not None
    known = _named([Task(task) if isinstance(task, str) else task for task in tasks])
    named = [("user", user), ("item", item), ("time", time), ("request", request)]
    named += [("tasks", task.column) for task in known] + [("topics", name) for name in topics]
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
    check_tasks(known)
    return Roles(user, item, time, request, known, tuple(topics))


def _question(role: str, columns: Sequence[str]) -> str:
    shown = ", ".join(columns[:_LISTED])
    if len(columns) > _LISTED:
        shown += f" and {len(columns) - _LISTED} more"
    likely = suggestion(role, columns)
    hint = f"; did you mean {likely!r}?" if likely else ""
    return f"{role}=: {_QUESTIONS[role]}? Columns: {shown}{hint}"


def _named(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """Tasks by the names that a model gives them.

    A click alone, or a click and what happens within it, are called `ctr` and `ctcvr`, as the field
    calls them, unless somebody named them.
    """
    plain = all(task.binary and task.label is None and task.weight == 1.0 for task in tasks)
    nested = [task.within for task in tasks] in ([None], [None, tasks[0].name])
    if not (plain and nested):
        return tuple(tasks)
    return click_tasks(*(task.name for task in tasks))

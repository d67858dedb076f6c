"""The columns that the user names: keys, labels and topics."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
    """Which column plays which role, all of them in the log and none twice."""

    user: str
    item: str
    time: str | None
    request: str | None
    weight: str | None
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
            self.weight: "weight",
            **{task.column: "label" for task in self.tasks},
            **dict.fromkeys(self.topics, "topic"),
        }
        return {name: role for name, role in named.items() if name is not None}


def check_roles(
    columns: Sequence[str],
    keys: Mapping[str, str | None],
    tasks: Sequence[str | Task] | str | Task,
    topics: Sequence[str] | str,
) -> Roles:
    """Checks the columns that the user named.

    Args:
      columns: The columns of the log.
      keys: By role: `user`, `item`, and `time`, `request` and `weight` where there are any.
      tasks: The tasks; a single one need not be in a list.
      topics: Names of the topics; a single one need not be in a list.

    Raises:
      SchemaError: A column that must be named is not, is not in the log, has two roles or a name
        that it cannot have; tasks that contradict each other.
    """
    tasks = [tasks] if isinstance(tasks, str | Task) else list(tasks)
    topics = [topics] if isinstance(topics, str) else list(topics)
    user, item = keys["user"], keys["item"]
    for role, given in (("user", user), ("item", item), ("tasks", tasks)):
        if not given:
            raise SchemaError(_question(role, columns))
    assert user is not None and item is not None
    known = _named([Task(task) if isinstance(task, str) else task for task in tasks])
    named = [*keys.items(), *(("tasks", task.column) for task in known)]
    named += [("topics", name) for name in topics]
    for role, name in named:
        if name is not None and name not in columns:
            raise SchemaError(f"{role}=: the log has no column {name!r}; {nearest(name, columns)}")
        problem = unusable_name(name) if role in ("user", "item", "topics") and name else ""
        if problem:
            raise SchemaError(f"{role}=: column {name!r} cannot be used: {problem}; rename it")
    times = Counter(name for _, name in named if name)
    twice = [name for name, count in times.items() if count > 1]
    if twice:
        roles = " and ".join(f"{role}=" for role, name in named if name == twice[0])
        raise SchemaError(f"{roles}: column {twice[0]!r} is named twice, expected one role")
    check_tasks(known)
    time, request, weight = (keys.get(role) for role in ("time", "request", "weight"))
    return Roles(user, item, time, request, weight, known, tuple(topics))


def _question(role: str, columns: Sequence[str]) -> str:
    shown = ", ".join(columns[:_LISTED])
    if len(columns) > _LISTED:
        shown += f" and {len(columns) - _LISTED} more"
    likely = suggestion(role, columns)
    hint = f"; did you mean {likely!r}?" if likely else ""
    return f"{role}=: {_QUESTIONS[role]}? Columns: {shown}{hint}"


def _named(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """The tasks; a click, alone or with a task within it, becomes `ctr`, `ctcvr` unless named."""
    plain = all(task.binary and task.label is None for task in tasks)
    nested = [task.within for task in tasks] in ([None], [None, tasks[0].name])
    if not (plain and nested):
        return tuple(tasks)
    called = click_tasks(*(task.name for task in tasks))
    return tuple(replace(c, weight=t.weight) for c, t in zip(called, tasks, strict=True))

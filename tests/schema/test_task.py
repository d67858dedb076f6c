"""A task says which label it is and what it happens within."""

import dataclasses
from typing import Any

import pytest

from tests.worlds import small_schema
from tfrec_mt.schema import Schema, SchemaError, Task, click_tasks
from tfrec_mt.schema.inference.roles import check_roles
from tfrec_mt.schema.task import check_tasks


def test_a_task_is_equal_to_one_of_the_same_label_and_parent() -> None:
    assert Task("clicked") == Task(name="clicked", within=None)
    assert Task("bought", within="clicked") != Task("bought")


@pytest.mark.parametrize(
    ("name", "within", "message"),
    [("", None, "expected a name"), ("bought", "bought", "got its own name")],
)
def test_impossible_tasks_are_refused(name: str, within: str | None, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Task(name, within=within)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "number"}, "expected kind binary or regression, got 'number'"),
        ({"loss": "squared"}, "expected no loss= of a binary task, got 'squared'"),
        ({"kind": "regression", "loss": "squred"}, "unknown; did you mean 'squared'"),
        ({"weight": -1.0}, "expected a weight of at least 0, got -1"),
        ({"kind": "regression", "std": 0.0}, "std positive, got 0.0 and 0.0"),
    ],
)
def test_settings_that_a_task_cannot_have(settings: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Task("seconds", **settings)


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([], "expected at least one"),
        ([Task("a"), Task("a", label="b")], "distinct names, got 'a' twice"),
        ([Task("a"), Task("b", label="a")], "a label for each, 'a' is one of two"),
        ([Task("click"), Task("order", "clik")], "no task; did you mean 'click'"),
        ([Task("a", kind="regression"), Task("b", "a")], "expected a binary task, got a regre"),
        ([Task("a", "b"), Task("b", "c"), Task("c", "a")], "a, b, c are within each other"),
        ([Task("../x", label="click")], "task '../x': expected a name of letters"),
        ([Task("is clicked")], "task 'is clicked': expected a name of letters"),
        ([Task("loss", label="click")], "none of loss, row, unknown_item, unknown_user"),
    ],
)
def test_tasks_that_contradict_each_other(tasks: list[Task], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        check_tasks(tasks)


def test_a_schema_keeps_all_of_its_tasks_in_json() -> None:
    tasks = (
        Task("click"),
        Task("order", "click", label="bought", weight=0.5),
        Task("spent", "order", kind="regression", loss="absolute", mean=3.25, std=0.1),
    )
    schema = dataclasses.replace(small_schema(), tasks=tasks)
    assert Schema.from_json(schema.to_json()) == schema
    assert schema.task_names == ("click", "order", "spent") and schema.click == tasks[0]


def test_a_history_names_no_task() -> None:
    with pytest.raises(SchemaError, match="'history_read': 'history_' starts names of history"):
        dataclasses.replace(small_schema(), tasks=(Task("history_read"),))


def named(*tasks: str | Task) -> tuple[Task, ...]:
    columns = ["u", "i", "is clicked", "bought", "seconds"]
    keys = {"user": "u", "item": "i", "time": None, "request": None}
    return check_roles(columns, keys, tasks, ()).tasks


def test_a_click_and_an_order_get_the_names_of_the_field_and_keep_their_weights() -> None:
    assert named("is clicked") == click_tasks("is clicked")
    assert named("is clicked", Task("bought", "is clicked", weight=0.5)) == (
        Task("ctr", label="is clicked"),
        Task("ctcvr", "ctr", "bought", weight=0.5),
    )


def test_other_tasks_keep_their_names() -> None:
    click = Task("click", label="is clicked")
    assert named(click) == (click,)
    seconds = Task("seconds", kind="regression")
    assert named(click, seconds) == (click, seconds)
    with pytest.raises(SchemaError, match="label= names a column of another name"):
        named("is clicked", seconds)

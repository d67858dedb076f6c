"""Tasks as texts of a command line."""

import pytest

from tfrec_mt.pipelines.task_flags import tasks_of
from tfrec_mt.schema import SchemaError, Task


@pytest.mark.parametrize(
    ("texts", "tasks"),
    [
        ([], []),
        (["clicked"], [Task("clicked")]),
        (["clicked", "bought"], [Task("clicked"), Task("bought", within="clicked")]),
        (["click", "like:binary"], [Task("click"), Task("like")]),
        (["a", "b", "c<b"], [Task("a"), Task("b", within="a"), Task("c", within="b")]),
        (
            ["click", "spent<click:absolute"],
            [Task("click"), Task("spent", "click", kind="regression", loss="absolute")],
        ),
        (
            ["seconds:regression", "click"],
            [Task("seconds", kind="regression", loss="squared"), Task("click")],
        ),
        (["s:squared_log"], [Task("s", kind="regression", loss="squared_log")]),
    ],
)
def test_texts_become_tasks(texts: list[str], tasks: list[Task]) -> None:
    assert tasks_of(texts) == tasks


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seconds:regresion", "got 'seconds:regresion'; did you mean 'regression'"),
        ("seconds:", "name, name<within or name:kind, got 'seconds:'"),
        ("order<", "name, name<within or name:kind, got 'order<'"),
        ("<click", "expected a name, got empty text"),
    ],
)
def test_what_is_no_task_is_named(text: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        tasks_of(["click", text])

"""A task says which label it is and what it happens within."""

import pytest

from tfrec_mt.schema import SchemaError, Task


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

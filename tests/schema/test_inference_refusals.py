"""Logs and roles of which no schema can be inferred."""

from pathlib import Path
from typing import Any

import pytest

from tests.schema.inferred import ROWS, infer, shop_log, with_columns_of
from tfrec_mt.schema import DataError, SchemaError, Task


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"user": None}, "user=: which column says who a row is of? Columns: uid, iid, ts, "),
        ({"user": None}, "; did you mean 'uid'?"),
        ({"item": None}, "item=: which column says what was shown? "),
        ({"item": None}, "; did you mean 'iid'?"),
        ({"tasks": []}, "tasks=: which column holds the label, 0 or 1? "),
        ({"tasks": []}, "; did you mean 'clicked'?"),
        ({"user": "uids"}, "user=: the log has no column 'uids'; did you mean 'uid'?"),
        ({"time": "tss"}, "time=: the log has no column 'tss'; did you mean 'ts'?"),
        ({"request": "rid"}, "request=: the log has no column 'rid'; did you mean 'uid'?"),
        ({"topics": ["markets"]}, "topics=: the log has no column 'markets'; did you mean"),
        ({"tasks": ["clicks"]}, "tasks=: the log has no column 'clicks'; did you mean 'clicked'?"),
        ({"kinds": {"pric": "none"}}, "kinds=: the log has no column 'pric'"),
        ({"sides": {"pric": "item"}}, "sides=: the log has no column 'pric'"),
        ({"item": "uid"}, "user= and item=: column 'uid' is named twice, expected one role"),
        ({"tasks": ["clicked", "clicked"]}, "tasks= and tasks=: column 'clicked' is named twice"),
        (
            {"tasks": [Task("a", label="clicked"), Task("a", label="bought")]},
            "tasks: expected distinct names, got 'a' twice",
        ),
        ({"tasks": [Task("user_city", kind="regression")]}, "a number or null"),
        (
            {"tasks": ["clicked", Task("bought", within="click")]},
            "'bought' is within 'click', which is no task; did you mean 'clicked'?",
        ),
        (
            {"tasks": [Task("bought", within="clicked")]},
            "task 'bought' is within 'clicked', which is no task",
        ),
        (
            {"tasks": ["bought", Task("clicked", within="bought")]},
            "'clicked' is 1 where 'bought' is 0, expected it within 'bought'",
        ),
        ({"tasks": ["context_hour"]}, "; a number becomes a label by a limit of your choice"),
        (
            {"tasks": ["user_city"]},
            "label 'user_city', row 1: expected 0, 1 or null, got '",
        ),
        ({"tasks": ["item_tags"]}, "expected 0, 1 or null, got a column of type List(String)"),
        ({"topics": ["item_price"]}, "expected text or whole numbers, got a column of type Float"),
        ({"item": "context_load"}, "expected ids, whole numbers or text, got a column of type Fl"),
        ({"item": "user_age"}, "expected an id in every row, got none; "),
        ({"user": "item_tags"}, "user='item_tags'"),
        ({"kinds": {"user_age": "number"}}, "kinds={'user_age': 'number'}: expected one of"),
        ({"kinds": {"user_city": "numeric"}}, "expected numbers, the column holds text"),
        ({"kinds": {"item_price": "categorical"}}, "the column holds numbers with fractions"),
        ({"kinds": {"item_price": "bag"}}, "expected lists, or text joined by '|', the column ho"),
        ({"kinds": {"ts": "numeric"}}, "column 'ts' is named as time already"),
        ({"sides": {"user_age": "usr"}}, "sides={'user_age': 'usr'}: expected one of ('user', "),
        ({"rows": 0}, "rows=: expected a number of rows to look at, got 0"),
        (
            {"kinds": {"user_age": "none"}, "sides": {"user_age": "item"}},
            "sides=: column 'user_age' is left out (as kinds= says); to keep it, give its kind",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError) as error:
        infer(shop_log(), **changes)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"clicked": ["true", "false"]}, "got 'true'; text files write a label as 0 or 1"),
        ({"clicked": [None, None]}, "label 'clicked': expected 0, 1 or null, all are missing"),
        ({"ts": [1_704_067_200_000] * 2}, "which looks like milliseconds: divide it by 1,000"),
        ({"ts": ["1704067200", "soon"]}, "time='ts', row 2: expected seconds since 1970, ISO 8"),
        ({"ts": [0, None]}, "time='ts', row 2: expected seconds since 1970, ISO 8601 or timesta"),
        ({"ts": [True, False]}, "time='ts': expected seconds since 1970, ISO 8601 or timestamps"),
        ({"iid": [7, -1]}, "item='iid', row 2: expected an id in every row, got -1; "),
        ({"iid": ["a", ""]}, "item='iid', row 2: expected an id in every row, got none; "),
        ({"iid": ["a", "b\nc"]}, "item='iid': ids must not contain line breaks"),
        ({"iid": [2.0**60, 1.0]}, "have fractions, or more digits than a float holds"),
        ({"market": ["us", "us"]}, "expected 2 to 1,000 different domains in the rows looked at"),
    ],
)
def test_values_that_a_role_cannot_have_are_refused(columns: dict[str, Any], message: str) -> None:
    frame = with_columns_of(**{name: values * (ROWS // 2) for name, values in columns.items()})
    with pytest.raises(SchemaError) as error:
        infer(frame, tasks=["clicked"])
    assert message in str(error.value)


@pytest.mark.parametrize("name", ["user id", "history_user", "row"])
def test_a_user_or_topic_needs_a_usable_name(name: str) -> None:
    for old, changes in (("uid", {"user": name}), ("market", {"topics": [name]})):
        with pytest.raises(SchemaError, match=f"column '{name}' cannot be used: .*; rename it"):
            infer(shop_log().rename({old: name}), **changes)


def test_logs_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected rows, found none"):
        infer(shop_log().head(0))
    (tmp_path / "twice.csv").write_text("uid,iid,uid\n1,2,3\n")
    with pytest.raises(DataError, match=r"given more than once: \['uid'\]"):
        infer(tmp_path / "twice.csv")

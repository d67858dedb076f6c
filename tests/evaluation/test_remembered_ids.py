"""What domains remember, in the ids of the log."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.adapters.longhand import small_kernels
from tests.evaluation.example_rows import ROLES, example_rows
from tfrec_mt.adapters.memory import Memory, Remembered, memory_keys
from tfrec_mt.evaluation.remembered_ids import LogIdNames, remembered_ids
from tfrec_mt.evaluation.remembered_tables import remembered_tables
from tfrec_mt.evaluation.report import ReportCase, write_report
from tfrec_mt.schema import CategoricalFeature, NumericFeature, Schema, Task, Topic, Vocabulary
from tfrec_mt.schema.keys import Keys

LONG = "x" * 60
IDS = {"items": ["<b>soup</b>", LONG, "tea"], "users": ["anna", "ben"]}
TASKS = ("clicked", "seconds")


class Log:
    """As much of a dataset as is asked for."""

    schema = Schema(
        keys=Keys(user="uid", item="iid"),
        tasks=(Task("clicked"), Task("seconds", kind="regression")),
        vocabularies=(
            Vocabulary(name="items", hash_buckets=2, size=3),
            Vocabulary(name="users", size=2),
        ),
        features=(
            CategoricalFeature(name="uid", vocabulary="users", side="user"),
            CategoricalFeature(name="friend", vocabulary="users", side="user"),
            CategoricalFeature(name="iid", vocabulary="items", side="item"),
            NumericFeature(name="price", side="item", buckets=3, boundaries=(2.5, 10.0)),
        ),
        topics=(Topic(name="market", domains=("us", "de")),),
    )

    def ids(self, vocabulary: str) -> pl.Series:
        return pl.Series(IDS[vocabulary])


NAMES = LogIdNames(Log())  # type: ignore[arg-type]


FEATURES = ("uid", "friend", "iid", "price")
# what a code stands for, as a person would tell it
TEXTS = {
    "iid": ["(none)", "(unknown 1)", "(unknown 2)", *IDS["items"]],
    "price": ["(none)", "below 2.5", "2.5 to 10", "10 or more"],
    "uid": ["(none)", "(unknown)", *IDS["users"]],
    "friend": ["(none)", "(unknown)", *IDS["users"]],
}


def _kernels(seed: int = 0) -> tuple[Any, list[dict[str, Any]]]:
    """Kernels with a memory of every code, and the same as rows of a table, users left out."""
    rng = np.random.default_rng(seed)
    domains, rows = [], []
    for domain in ("us", "de"):
        found: list[tuple[str | None, str | None, int]] = [(None, None, 0)]
        found += [(name, text, code) for name in FEATURES for code, text in enumerate(TEXTS[name])]
        places = [0 if name is None else 1 + FEATURES.index(name) for name, _, _ in found]
        keys = [
            memory_keys(place, np.array([code], np.int64))
            for place, (_, _, code) in zip(places, found, strict=True)
        ]
        offsets = rng.normal(size=(len(found), 2)).astype(np.float32)
        offsets[3] = 0.0
        domains.append(Remembered(np.concatenate(keys), offsets))
        for (name, text, _), values in zip(found, offsets, strict=True):
            if name not in ("uid", "friend"):
                rows += [
                    {"domain": domain, "task": task, "feature": name, "id": text, "offset": value}
                    for task, value in zip(TASKS, map(float, values), strict=True)
                    if value
                ]
    layer = small_kernels("last_layer", "market", ("us", "de"), dict.fromkeys(TASKS, 4))
    layer.memory = Memory(FEATURES, [], TASKS, domains)
    return layer, rows


def _plain(rows: list[dict[str, Any]], most: int | None) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for domain in ("us", "de"):
        for task in TASKS:
            own = [r for r in rows if (r["domain"], r["task"]) == (domain, task)]
            own.sort(key=lambda r: -r["offset"])
            above, below = ([r for r in own if r["offset"] * s > 0] for s in (1, -1))
            kept = own if most is None else [*above[:most], *below[-most:]]
            found += [(domain, task, r["feature"], r["id"], r["offset"]) for r in kept]
    return found


@pytest.mark.parametrize("most", [None, 1, 3, 100])
def test_it_is_a_sorted_list_of_what_is_remembered(most: int | None) -> None:
    layer, rows = _kernels()
    without = small_kernels("last_layer", "scene", ("home",), dict.fromkeys(TASKS, 4))
    found = remembered_ids([without, layer], NAMES, most)
    told = found.select("domain", "task", "feature", "id", "offset").rows()
    assert told == _plain(rows, most)
    assert set(found["topic"]) == {"market"}
    clicks, seconds = (found.filter(task=task) for task in TASKS)
    np.testing.assert_allclose(clicks["odds"], np.exp(clicks["offset"]))
    assert seconds["odds"].is_null().all()


def test_users_are_left_out_whichever_feature_they_are_in() -> None:
    layer, _ = _kernels()
    found = remembered_ids([layer], NAMES)
    assert set(found["feature"]) == {None, "iid", "price"}
    assert not {"anna", "ben"} & {*found["id"]}


def test_a_code_that_no_row_can_have_is_unknown() -> None:
    layer, _ = _kernels()
    of_us = Remembered(memory_keys(3, np.array([99], np.int64)), np.ones((1, 2), np.float32))
    layer.memory = Memory(FEATURES, [], TASKS, [of_us] * 2)
    assert set(remembered_ids([layer], NAMES)["id"]) == {"(unknown)"}


def test_without_a_memory_there_are_no_rows() -> None:
    layer = small_kernels("last_layer", "market", ("us",), dict.fromkeys(TASKS, 4))
    found = remembered_ids([layer], NAMES)
    assert found.columns == ["topic", "domain", "task", "feature", "id", "offset", "odds"]
    assert found.is_empty() and remembered_tables(found) == []


def test_a_page_lists_what_each_domain_likes_more_and_less(tmp_path: Path) -> None:
    layer, _ = _kernels()
    known = {"<b>soup</b>": np.log(1.5), LONG: -0.7, "tea": np.log(2.0), "(unknown 2)": 0.0}
    codes = [TEXTS["iid"].index(text) for text in known]
    keys = memory_keys(3, np.sort(np.array(codes, np.int64)))
    offsets = [[known[TEXTS["iid"][int(key & 0xFFFFFFFF)]]] * 2 for key in keys]
    of_us = Remembered(keys, np.array(offsets, np.float32))
    of_de = Remembered(np.zeros(1, np.int64), np.array([[0.25, -0.25]], np.float32))
    layer.memory = Memory(FEATURES, [], TASKS, [of_us, of_de])
    clicks, seconds = remembered_tables(remembered_ids([layer], NAMES, 5))
    assert (clicks["topic"], clicks["task"]) == ("market", "clicked")
    shortened = "x" * 39 + "…"
    assert clicks["rows"] == [
        ("us", "iid tea x 2.00, iid <b>soup</b> x 1.50", f"iid {shortened} x 0.50"),
        ("de", "all rows x 1.28", ""),
    ]
    assert seconds["rows"][1] == ("de", "", "all rows -0.25")
    case = ReportCase(
        name="part test",
        rows=example_rows(),
        roles=ROLES,
        remembered=remembered_ids([layer], NAMES, 5),
    )
    write_report(tmp_path / "report.html", "Evaluation", [case])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "What domains remember" in page and "market, clicked</caption>" in page
    assert "iid tea x 2.00, iid &lt;b&gt;soup&lt;/b&gt; x 1.50" in page and "<b>soup" not in page
    write_report(
        tmp_path / "plain.html", "Evaluation", [ReportCase(name="a", rows=[], roles=ROLES)]
    )
    assert "What domains remember" not in (tmp_path / "plain.html").read_text(encoding="utf-8")

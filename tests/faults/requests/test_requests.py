"""Requests that do not fit an export: inputs left out, unknown, or of other lengths and types."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from tests.binaries import run_binary
from tests.faults.requests.asked import ITEMS, NEAR, ROWS, Rows, ask, refused
from tests.serving.loopback import defaults
from tfrec_mt.schema import DataError
from tfrec_mt.serving.bundle import README
from tfrec_mt.serving.requests import candidate_tensors, examples
from tfrec_mt.serving.versions import EXTRA


@pytest.mark.fault_case("a part of the histories")
@pytest.mark.parametrize("given", ["history_iid", "history_kind", "history_age"])
def test_one_history_alone_is_scored(version: Path, loaded: Any, rows: Rows, given: str) -> None:
    left_out = defaults(version, "serving_default")
    asked = {n: v for n, v in rows.items() if not n.startswith("history_")} | {given: rows[given]}
    found = ask(loaded, left_out | asked)
    padded = {
        name: np.full(rows[given].shape, left_out[name].flat[0], left_out[name].dtype)
        for name in rows
        if name.startswith("history_") and name != given
    }
    for task, expected in ask(loaded, asked | padded).items():
        np.testing.assert_array_equal(found[task], expected)
    candidates = candidate_tensors(asked, ITEMS, 4)
    both = defaults(version, "score_candidates") | candidates
    assert np.isfinite(ask(loaded, both, "score_candidates")["ctr"]).all()


@pytest.mark.fault_case("a part of the histories")
def test_one_history_alone_is_scored_in_examples(loaded: Any, rows: Rows) -> None:
    alone = [n for n in rows if n not in ("history_kind", "history_age")]
    short = examples({name: rows[name] for name in alone})
    missing = dict(rows)
    missing["history_kind"] = np.full(rows["history_kind"].shape, "", object)
    missing["history_age"] = np.full_like(rows["history_age"], -1)
    # a row that leaves two out beside one that has all
    mixed = np.concatenate([short[:1], examples(rows)[1:]])
    found = ask(loaded, {"examples": mixed}, "parse_examples")
    expected = {n: np.concatenate([missing[n][:1], rows[n][1:]]) for n in rows}
    for task, values in ask(loaded, expected).items():
        np.testing.assert_allclose(found[task], values, atol=NEAR)


@pytest.mark.fault_case("52")
@pytest.mark.parametrize("signature", ["serving_default", "score_candidates"])
def test_histories_of_two_lengths_are_named(loaded: Any, rows: Rows, signature: str) -> None:
    asked = rows if signature == "serving_default" else candidate_tensors(rows, ITEMS, 3)
    wrong = asked | {"history_kind": asked["history_kind"][:, :2]}
    said = refused(loaded, wrong, "history_kind 2 beside 5", signature=signature)
    assert "history_iid" not in said and "history_age" not in said


@pytest.mark.fault_case("52")
def test_histories_of_two_lengths_in_an_example_are_named(loaded: Any, rows: Rows) -> None:
    two = examples(rows)
    short = examples(rows | {"history_kind": rows["history_kind"][:, :2]})
    asked = {"examples": np.concatenate([two[:3], short[3:4], two[4:]])}
    refused(loaded, asked, "history_kind 2 beside 5 in row 4", signature="parse_examples")


@pytest.mark.fault_case("52")
@pytest.mark.parametrize("name", ["uid", "price", "market", "history_age"])
@pytest.mark.parametrize("count", [0, 2, ROWS // 2, ROWS - 1])
def test_rows_that_differ_in_number_are_named(
    loaded: Any, rows: Rows, name: str, count: int
) -> None:
    wrong = rows | {name: rows[name][:count]}
    said = refused(loaded, wrong, "as many as iid", f"got {name} {count} beside {ROWS}")
    assert said.count(" beside ") == 1


@pytest.mark.fault_case("51")
@pytest.mark.parametrize(
    ("name", "shape", "told"),
    [
        ("price", (ROWS, 1), f"price of shape [?], got [{ROWS},1]"),
        ("price", (), "price of shape [?], got []"),
        ("iid", (ROWS, 1), f"iid of shape [?], got [{ROWS},1]"),
        ("market", (1, 1), "market of shape [?], got [1,1]"),
        ("history_iid", (ROWS,), f"history_iid of shape [?,?], got [{ROWS}]"),
        ("history_age", (ROWS, 2, 1), f"history_age of shape [?,?], got [{ROWS},2,1]"),
    ],
)
def test_a_wrong_rank_is_named(
    loaded: Any, rows: Rows, name: str, shape: tuple[int, ...], told: str
) -> None:
    value: Any = "de" if rows[name].dtype == object else 1
    refused(loaded, rows | {name: np.full(shape, value, rows[name].dtype)}, told)


@pytest.mark.fault_case("51")
def test_a_wrong_rank_among_candidates_is_named(loaded: Any, rows: Rows) -> None:
    asked = candidate_tensors(rows, ITEMS, 3)
    wrong = asked | {"price": asked["price"][0]}
    refused(loaded, wrong, "price of shape [?,?], got [3]", signature="score_candidates")


@pytest.mark.fault_case("50")
@pytest.mark.fault_case("51")
def test_missing_unknown_and_wrong_types_are_named(version: Path, rows: Rows) -> None:
    model = mt.load_export(version)
    less = {name: values for name, values in rows.items() if name != "uid"}
    with pytest.raises(DataError, match="inputs missing or unknown: colour, uid"):
        model.predict(less | {"colour": rows["price"]})
    with pytest.raises(DataError, match="expected iid of type int64, got object"):
        model.predict(rows | {"iid": np.full(ROWS, "seven", object)})
    with pytest.raises(DataError, match=r"price of shape \[\?\], got \[24,1\]"):
        model.predict(rows | {"price": rows["price"][:, np.newaxis]})


@pytest.mark.fault_case("53")
@pytest.mark.fault_case("40")
def test_no_rows_and_no_items_have_no_scores(loaded: Any, rows: Rows) -> None:
    none = {name: values[:0] for name, values in rows.items()}
    assert all(len(values) == 0 for values in ask(loaded, none).values())
    candidates = candidate_tensors(rows, ITEMS, 3)
    empty = {n: v[:, :0] if n in ITEMS else v for n, v in candidates.items()}
    assert ask(loaded, empty, "score_candidates")["ctr"].shape == (1, 0)


@pytest.mark.fault_case("54")
def test_any_number_of_items_unless_a_limit_is_set(version: Path, loaded: Any, rows: Rows) -> None:
    found = ask(loaded, candidate_tensors(rows, ITEMS, 5_000), "score_candidates")
    assert found["ctr"].shape == (1, 5_000)
    assert "any number of items" in (version / EXTRA / README).read_text()


@pytest.mark.fault_case("52")
def test_rows_whose_lists_differ_are_named_with_file_and_row(
    version: Path, rows: Rows, tmp_path: Path
) -> None:
    frame = pl.DataFrame({n: v.tolist() for n, v in rows.items()})
    cut = pl.when(pl.int_range(pl.len()) == 4).then(pl.col("history_kind").list.head(2))
    wrong = frame.with_columns(cut.otherwise("history_kind").alias("history_kind"))
    wrong.write_parquet(tmp_path / "rows.parquet")
    done = run_binary("score", f"--export={version}", f"--rows={tmp_path / 'rows.parquet'}")
    assert done.returncode == 1
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    assert "rows.parquet, row 5: " in line and "history_kind 2" in line
    assert "Traceback" not in done.stderr
    with pytest.raises(DataError, match=r"^row 5: .*history_kind 2"):
        mt.load_export(version).score(wrong)

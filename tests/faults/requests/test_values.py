"""Values that a request may hold: numbers that are none, and ids that nobody knows."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from tests.faults.requests.asked import ITEMS, NEAR, ROWS, TASKS, Rows, ask, refused
from tests.serving.loopback import defaults
from tfrec_mt.data.numeric import encode_numeric
from tfrec_mt.schema import DataError, NumericFeature
from tfrec_mt.schema.features import MOST_DEVIATIONS
from tfrec_mt.serving.preprocessing import Preprocessing
from tfrec_mt.serving.requests import candidate_tensors, examples


@pytest.mark.fault_case("55")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_must_be_there_is_refused(loaded: Any, rows: Rows, value: float) -> None:
    price = rows["price"].copy()
    price[6] = value
    said = "price NaN or infinite in row 7"
    refused(loaded, rows | {"price": price}, said)
    asked = {"examples": examples(rows | {"price": price})}
    refused(loaded, asked, said, signature="parse_examples")
    candidates = candidate_tensors(rows | {"price": price}, ITEMS, 8)
    refused(loaded, candidates, "price NaN", signature="score_candidates")
    # nobody knows the price of no item
    candidates["iid"][0, 6] = -1
    found = ask(loaded, candidates, "score_candidates")
    assert found["ctr"][0, 6] == 0.0 and (np.delete(found["ctr"][0], 6) > 0).all()


@pytest.mark.fault_case("55")
def test_a_number_that_must_be_there_may_not_be_left_out(version: Path, rows: Rows) -> None:
    for signature in ("serving_default", "score_candidates"):
        left_out = defaults(version, signature)
        assert not {"price", "hour"} & set(left_out) and "weight" in left_out
    frame = pl.DataFrame({n: v.tolist() for n, v in rows.items()})
    nulls = frame.with_columns(pl.when(pl.int_range(pl.len()) != 9).then("price").alias("price"))
    model = mt.load_export(version)
    with pytest.raises(DataError, match="price NaN or infinite in row 10") as caught:
        model.score(nulls)
    assert "\n" not in str(caught.value)
    assert len(model.score(frame.with_columns(weight=None))) == ROWS


@pytest.mark.fault_case("55")
@pytest.mark.parametrize("value", [np.nan, np.inf, 3.3e38, -3.3e38, 1e30, 1e9])
@pytest.mark.parametrize("name", ["weight", "price"])
def test_no_number_makes_a_score_that_is_none(
    loaded: Any, rows: Rows, name: str, value: float
) -> None:
    if name == "price" and not math.isfinite(value):
        return  # refused
    strange = rows | {name: np.full_like(rows[name], value)}
    for task in TASKS:
        found = ask(loaded, strange)[task]
        assert np.isfinite(found).all() and ((found >= 0) & (found <= 1)).all()


@pytest.mark.fault_case("55")
def test_what_is_far_off_is_as_far_off_in_a_log(log: mt.PreparedDataset) -> None:
    feature = log.schema.feature("weight")
    assert isinstance(feature, NumericFeature)
    preprocessing = Preprocessing(log.schema, log.vocabularies, ())
    largest = float(np.finfo(np.float32).max)
    values = np.array([-largest, -1e30, -3.0, 0.0, 7.5, 1e5, 1e30, 3.3e38, np.nan], np.float32)
    found = encode_numeric(feature, values)
    np.testing.assert_allclose(preprocessing({"weight": values})["weight"], found, rtol=1e-6)
    assert np.abs(found).max() == MOST_DEVIATIONS
    for near in (np.float32(1e5), np.float32(-3.0)):  # to the bit as without a bound
        plain = (near - np.float32(feature.mean)) / np.float32(feature.std)
        assert encode_numeric(feature, np.array([near]))[0] == plain


@pytest.mark.fault_case("49")
def test_unknown_users_items_and_domains_are_flagged(loaded: Any, rows: Rows) -> None:
    strange = {name: values.copy() for name, values in rows.items()}
    strange["uid"][2], strange["iid"][3], strange["market"][4] = 10**15, -7, "nowhere"
    strange["uid"][5] = -1  # missing
    found = ask(loaded, strange)
    assert np.flatnonzero(found["unknown_user"]).tolist() == [2, 5]
    assert np.flatnonzero(found["unknown_item"]).tolist() == [3]
    assert np.flatnonzero(found["used_fallback"][:, 0]).tolist() == [4]
    assert all(np.isfinite(found[task]).all() for task in TASKS)
    candidates = candidate_tensors(strange, ITEMS, 6)
    found = ask(loaded, candidates, "score_candidates")
    assert found["unknown_item"].tolist() == [[False, False, False, True, False, False]]
    assert found["unknown_user"].tolist() == [False]


@pytest.mark.fault_case("49")
def test_scored_rows_say_who_was_unknown(version: Path, rows: Rows) -> None:
    frame = pl.DataFrame({n: v.tolist() for n, v in rows.items()})
    found = mt.load_export(version).score(frame.with_columns(uid=pl.lit(5)))
    assert found["unknown_user"].all() and not found["unknown_item"].any()


@pytest.mark.fault_case("58")
def test_a_row_scores_alike_alone_in_a_batch_and_as_an_item(loaded: Any, rows: Rows) -> None:
    whole = ask(loaded, rows)
    items = ask(loaded, candidate_tensors(rows, ITEMS, 1), "score_candidates")
    for place in (0, 11):
        alone = ask(loaded, {name: values[place : place + 1] for name, values in rows.items()})
        for task in TASKS:
            np.testing.assert_allclose(alone[task][0], whole[task][place], atol=NEAR)
    for task in TASKS:
        np.testing.assert_allclose(items[task][0, 0], whole[task][0], atol=NEAR)

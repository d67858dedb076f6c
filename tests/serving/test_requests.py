"""Raw rows, and what scores make of them."""

import warnings

import polars as pl
import pytest

from tfrec_mt.serving.requests import with_scores


def test_scores_that_replace_a_column_say_so() -> None:
    rows = pl.DataFrame({"item": [1, 2], "ctr": [0, 1]})
    with pytest.warns(UserWarning, match="scores replace what the rows have in ctr; rename"):
        found = with_scores(rows, [pl.Series("ctr", [0.25, 0.5]), pl.Series("ctcvr", [0.1, 0.2])])
    assert found["ctr"].to_list() == [0.25, 0.5] and found.columns == ["item", "ctr", "ctcvr"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with_scores(rows, [pl.Series("ctcvr", [0.1, 0.2])])

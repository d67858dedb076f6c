"""Raw rows, and what scores make of them."""

import warnings
from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from tfrec_mt.schema import DataError
from tfrec_mt.serving.client import BATCH_ROWS, Client
from tfrec_mt.serving.requests import with_scores
from tfrec_mt.serving.serving_error import ServingError
from tfrec_mt.serving.signatures import Specs


def test_scores_that_replace_a_column_say_so() -> None:
    rows = pl.DataFrame({"item": [1, 2], "ctr": [0, 1]})
    with pytest.warns(UserWarning, match="scores replace what the rows have in ctr; rename"):
        found = with_scores(rows, [pl.Series("ctr", [0.25, 0.5]), pl.Series("ctcvr", [0.1, 0.2])])
    assert found["ctr"].to_list() == [0.25, 0.5] and found.columns == ["item", "ctr", "ctcvr"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with_scores(rows, [pl.Series("ctcvr", [0.1, 0.2])])


class _Refusing(Client):
    """Answers requests of full size, and refuses the third row of others."""

    def predict(
        self, inputs: Mapping[str, np.ndarray], signature: str = "serving_default"
    ) -> dict[str, np.ndarray]:
        if len(inputs["history_a"]) < BATCH_ROWS:
            raise ServingError("INVALID_ARGUMENT in row 3")
        return {"ctr": np.zeros(BATCH_ROWS)}

    def _signatures(self) -> dict[str, Specs]:
        names = ("history_a", "history_b")
        return {"serving_default": {n: tf.TensorSpec([None, None], tf.int64, n) for n in names}}


def test_a_client_names_rows_of_the_call_and_not_of_its_requests() -> None:
    rows = pl.DataFrame({"history_a": [[1, 2]] * 1_500, "history_b": [[3, 4]] * 1_500})
    with pytest.raises(ServingError, match=r"^of the rows from 1,025 on: .* in row 3$"):
        _Refusing("shop").score(rows)
    row = pl.int_range(pl.len())
    wrong = rows.with_columns(pl.when(row != 1_400).then("history_b").otherwise(pl.lit([3])))
    with pytest.raises(DataError, match=r"^row 1401: .* got history_a 2, history_b 1"):
        _Refusing("shop").score(wrong)

"""The client, against servers on loopback."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.jobs import Job
from tests.serving.loopback import loopback, rest_loopback
from tfrec_mt.configs import ScoreConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.jobs.score import run_score
from tfrec_mt.schema import DataError
from tfrec_mt.serving.client import Client, GrpcClient, RestClient
from tfrec_mt.serving.requests import candidate_tensors, row_tensors
from tfrec_mt.serving.serving_error import ServingError

ROWS = 300


@pytest.fixture(scope="module", params=["grpc", "rest"])
def client(exported: Path, request: pytest.FixtureRequest) -> Iterator[Client]:
    if request.param == "grpc":
        with loopback("ranking", exported.parent) as address:
            yield GrpcClient(address, "ranking")
    else:
        with rest_loopback("ranking", exported.parent) as url:
            yield RestClient(url, "ranking")


@pytest.fixture
def rows(job: Job) -> pl.DataFrame:
    return PreparedDataset(job.data).requests().head(ROWS)


def test_rows_score_as_through_the_export(
    job: Job, exported: Path, client: Client, rows: pl.DataFrame
) -> None:
    found = client.score(rows)
    expected = run_score(ScoreConfig(export=exported, data=job.data)).rows.head(ROWS)
    for task in ("ctr", "ctcvr"):
        np.testing.assert_allclose(found[task], expected[task], atol=1e-6)
    assert found["used_fallback"].to_numpy().shape == (ROWS, 3)


def test_candidates_are_asked_for_as_tensors(client: Client, rows: pl.DataFrame) -> None:
    tensors = row_tensors(rows, client.inputs())
    items = {"item_id", "shop_id", "cuisine", "price"}
    answer = client.predict(candidate_tensors(tensors, items, 5), "score_candidates")
    assert answer["ctr"].shape == (1, 5)


def test_what_goes_wrong_is_told(client: Client, rows: pl.DataFrame) -> None:
    with pytest.raises(DataError, match="lack input column 'cuisine'"):
        client.score(rows.drop("cuisine"))
    with pytest.raises(ServingError, match="missing or unknown: colour, item_id, price, user_id"):
        client.predict({"colour": np.zeros(1)})
    with pytest.raises(ServingError, match="no signature 'nothing'"):
        client.inputs("nothing")


def test_a_server_that_is_not_there_is_named(rows: pl.DataFrame) -> None:
    for missing in (
        GrpcClient("127.0.0.1:9", "ranking", deadline_seconds=0.5),
        RestClient("http://127.0.0.1:9", "ranking", deadline_seconds=0.5),
    ):
        with pytest.raises(ServingError, match=r"127\.0\.0\.1:9"):
            missing.score(rows)


def test_another_model_or_version_is_refused(exported: Path, rows: pl.DataFrame) -> None:
    with loopback("ranking", exported.parent) as address:
        with pytest.raises(ServingError, match="NOT_FOUND: no model 'other'"):
            GrpcClient(address, "other").score(rows)
        with pytest.raises(ServingError, match="NOT_FOUND: no version 7"):
            GrpcClient(address, "ranking", version=7).score(rows)

"""Requests that a report ranks, against scores that are computed one by one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfrec_mt as mt
from tests.shop import SHORT, shop_rows, shop_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.data.reading.scan import scan
from tfrec_mt.evaluation.base_and_kernels import base_and_kernels
from tfrec_mt.evaluation.rankings import RankedRequests
from tfrec_mt.evaluation.remembered_ids import LogIdNames
from tfrec_mt.models.scorer import Scorer


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, AdaptedModel]:
    folder = tmp_path_factory.mktemp("rankings")
    rows = shop_rows()
    log = mt.prepare(rows, shop_schema(rows), folder / "data")
    base = mt.pretrain(log, folder / "base", **SHORT)
    return log, mt.fine_tune(base, log, folder / "kernels", epochs=2)


def test_scores_are_those_of_the_request_moved_to_the_domain(
    job: tuple[Any, AdaptedModel],
) -> None:
    log, model = job
    ranked = RankedRequests(log, model.kernels)
    (batch,) = scan(log, "test", 100_000)
    ranked.add(batch)
    found = ranked.ranked(base_and_kernels(model.base, model.kernels))
    assert found
    base, kernels = Scorer(model.base), Scorer(model)
    names = LogIdNames(log)
    for one in found:
        domain = one["own"]["market"]
        assert one["scores"].keys() == {"market"}
        assert one["scores"]["market"].keys() == {"de", "us"} and domain in ("de", "us")
        assert 3 <= len(one["items"]) <= 20
        assert one["task"] == log.schema.tasks[0].name == "ctr"
        assert {True, False} == {"ctr" in names for names in one["labels"]}
    # all rows of the first request's user, which is what a request is in a log without any
    first = found[0]
    users = batch.keys["user"]
    (rows,) = [
        np.flatnonzero(users == user)
        for user in dict.fromkeys(users.tolist())
        if names.ids(["iid"] * sum(users == user), batch.features["iid"][users == user])
        == first["items"]
    ]
    for name, code in {"de": 1, "us": 2}.items():
        features = {of: values[rows] for of, values in batch.features.items()}
        features["market"] = np.full(len(rows), code, np.int32)
        told = first["scores"]["market"][name]
        np.testing.assert_allclose(told["base"], base(features)["ctr"], atol=6e-6)
        np.testing.assert_allclose(told["kernels"], kernels(features)["ctr"], atol=6e-6)
    clicked = (batch.labels["ctr"][rows] == 1).tolist()
    assert ["ctr" in names for names in first["labels"]] == clicked


def test_every_domain_has_its_share_of_the_requests(job: tuple[Any, AdaptedModel]) -> None:
    log, model = job
    ranked = RankedRequests(log, model.kernels)
    for batch in scan(log, "train", 300):
        ranked.add(batch)
    found = ranked.ranked(base_and_kernels(model.base, model.kernels))
    assert [one["own"]["market"] for one in found].count("de") == 12
    assert len(found) == 24


def test_an_evaluation_has_them_and_a_base_alone_has_none(
    job: tuple[Any, AdaptedModel], tmp_path: Path
) -> None:
    log, model = job
    found = mt.evaluate(model, log)
    assert found.rankings
    folder = found.save(tmp_path / "evaluation")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert 'class="explorer"' in page and found.rankings[0]["title"] in page
    alone = mt.evaluate(model.base, log)
    assert not alone.rankings
    assert 'class="explorer"' not in alone._repr_html_()

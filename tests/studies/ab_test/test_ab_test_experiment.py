"""The A/B test on a small world: what rankers are told, what lists earn, and what is shown."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from studies.ab_test.ab_test import AB_TEST
from studies.ab_test.ab_test_experiment import (
    AB_TEST_SETTINGS,
    HOT,
    HOT_BEFORE,
    HOT_SPECIALITY,
    ab_test_experiment,
    specialities_lead,
)
from studies.ab_test.case_study import CASE_STUDY
from studies.ab_test.ranked_lists import RankedLists
from studies.ab_test.takeout_impressions import Impressions
from studies.ab_test.takeout_rankers import model_scores, oracle_scores, random_scores
from studies.ab_test.takeout_requests import TakeoutRequests, read_requests
from studies.framework.study import Outcome, Settings
from studies.takeout.takeout_runs import WITH_MEMORY, takeout_base, takeout_data
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.sources.takeout.catalogue import CUISINES
from tfrec_mt.data.sources.takeout.domains import TOPICS
from tfrec_mt.data.sources.takeout.world import World
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.schema import DataError, SchemaError
from tfrec_mt.schema.schema import HISTORY_PREFIX
from tfrec_mt.storage.names import KERNELS, MODEL

pytestmark = pytest.mark.slow  # a job and an experiment

CONFIG = TakeoutConfig(rows=20_000, seed=0)
CANDIDATES = 20
SETTINGS = {
    **AB_TEST_SETTINGS,
    **{"rows": CONFIG.rows, "units": [8], "certainty": 0.0, "candidates": CANDIDATES, "seed": 0},
}
VARIANTS: dict[str, Settings] = {
    "zero_shot": {"scores": "zero_shot"},
    "all": {},
    "region": {"active_topics": ["region"]},
    "memory": WITH_MEMORY,
    "control": {"scores": "control"},
    "oracle": {"scores": "oracle"},
    "popularity": {"scores": "popularity"},
    "random": {"scores": "random"},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def outcomes(shared: Path) -> dict[str, Outcome]:
    return {
        name: ab_test_experiment({**SETTINGS, **settings}, shared / name, shared)
        for name, settings in VARIANTS.items()
    }


@pytest.fixture(scope="module")
def world() -> World:
    return World.create(CONFIG)


@pytest.fixture(scope="module")
def dataset(shared: Path) -> PreparedDataset:
    return takeout_data(SETTINGS, shared)


@pytest.fixture(scope="module")
def requests(dataset: PreparedDataset, world: World) -> TakeoutRequests:
    return read_requests(dataset, world, "test", CANDIDATES, 0)


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    tables = [chunk.table for chunk in TakeoutSource(CONFIG).chunks()]
    frame = pl.from_arrow(pa.concat_tables(tables))
    assert isinstance(frame, pl.DataFrame)
    return frame


def test_requests_are_the_last_days_with_what_was_clicked_before(
    dataset: PreparedDataset, requests: TakeoutRequests, log: pl.DataFrame
) -> None:
    codes = {
        name: {raw: code for code, raw in enumerate(dataset.ids(name).to_list(), start=2)}
        for name in ("item", "user", "cuisine")
    }
    for name in codes:
        assert dataset.schema.vocabulary(name).first_known == 2
    day = log["timestamp"] // 86_400
    last = log.filter(day == day.max()).unique("request_id").sort("timestamp", "user_id")
    mine = pl.DataFrame({"t": requests.offers.timestamp, "u": requests.offers.user}).sort("t", "u")
    assert mine["u"].to_list() == last["user_id"].to_list()
    assert mine["t"].to_list() == last["timestamp"].to_list()
    clicks = log.filter(pl.col("click") == 1)
    with_history = 0
    for row, (user, now) in enumerate(
        zip(requests.offers.user, requests.offers.timestamp, strict=True)
    ):
        before = clicks.filter((pl.col("user_id") == user) & (pl.col("timestamp") < now))
        newest = before[::-1]["item_id"].to_list()[:50]
        expected = [codes["item"].get(item, 1) for item in newest]
        found = requests.features[f"{HISTORY_PREFIX}item_id"][row]
        assert found[: len(expected)].tolist() == expected
        assert not found[len(expected) :].any()
        assert requests.features["user_id"][row] == codes["user"].get(user, 1)
        with_history += bool(expected)
    assert with_history > 50


def test_candidates_are_coded_as_the_logs_rows_are(
    dataset: PreparedDataset, requests: TakeoutRequests
) -> None:
    shard = dataset.shards("train")[0]
    stored = {
        name: shard[f"features/{name}"].read()
        for name in ("item_id", "shop_id", "cuisine", "price")
    }
    known = {item: place for place, item in enumerate(stored["item_id"])}
    flat = {name: requests.features[name].ravel() for name in stored}
    compared = 0
    for place, item in enumerate(flat["item_id"]):
        if item in known and item > 1:
            for name, values in stored.items():
                assert flat[name][place] == values[known[item]]
            compared += 1
    assert compared > 1000
    codes = {item: code for code, item in enumerate(dataset.ids("item").to_list(), start=2)}
    expected = [codes.get(item, 1) for item in requests.offers.item.ravel()]
    assert flat["item_id"].tolist() == expected
    assert "position" not in requests.features


def test_a_limit_takes_some_of_the_same_requests(
    dataset: PreparedDataset, world: World, requests: TakeoutRequests
) -> None:
    some = read_requests(dataset, world, "test", CANDIDATES, 40)
    assert len(some.users) == 40
    items = {tuple(row) for row in requests.offers.item}
    assert all(tuple(row) in items for row in some.offers.item)


def test_requests_of_another_world_are_refused(dataset: PreparedDataset) -> None:
    other = World.create(TakeoutConfig(rows=20_000, seed=2))
    with pytest.raises(DataError, match=r"is not a log of takeout world .*seed=2"):
        read_requests(dataset, other, "test", CANDIDATES, 10)


@pytest.mark.usefixtures("outcomes")
def test_scores_of_candidates_are_those_of_single_rows(
    shared: Path, dataset: PreparedDataset, requests: TakeoutRequests
) -> None:
    base = load_model(takeout_base(SETTINGS, shared) / MODEL, dataset)
    items = {feature.name for feature in dataset.schema.side("item")}
    rows = {
        name: values[:30].reshape(-1) if name in items else np.repeat(values[:30], CANDIDATES, 0)
        for name, values in requests.features.items()
    }
    remembering = []
    for trained in (shared / "kernels").iterdir():
        model = AdaptedModel(base, load_kernels(trained / KERNELS, fingerprint(base)))
        found = model_scores(model, requests.features)
        np.testing.assert_allclose(found[:30].ravel(), Scorer(model)(rows)["ctcvr"], rtol=1e-4)
        assert found.shape == requests.offers.item.shape
        remembering.append(any(layer.memory for layer in model.kernels))
    assert sorted(remembering) == [False, True]


def test_the_truth_is_best_by_its_own_measure(world: World, requests: TakeoutRequests) -> None:
    truth = oracle_scores(requests.offers, world.position_effect)
    best = np.sort(truth, axis=1)[:, -10:].sum(axis=1)
    for scores in (truth, random_scores(truth.shape, 0), requests.offers.click_logit):
        lists = RankedLists.of(world, requests.offers, scores)
        shown = (requests.offers.item[:, :, None] == lists.item[:, None]).any(axis=2)
        assert (np.where(shown, truth, 0).sum(axis=1) <= best + 1e-12).all()
        if scores is truth:
            orders = lists.expected_gains().orders.sum()
        else:
            assert lists.expected_gains().orders.sum() < orders


def test_the_truth_beats_every_ranker(outcomes: dict[str, Outcome]) -> None:
    orders = {name: outcome.estimates["orders"].value for name, outcome in outcomes.items()}
    assert max(orders, key=lambda name: orders[name]) == "oracle"
    assert min(orders, key=lambda name: orders[name]) == "random"


def test_the_same_ranker_has_no_lift(shared: Path, outcomes: dict[str, Outcome]) -> None:
    assert not any("lift" in name for name in outcomes["zero_shot"].estimates)
    topics = [topic.name for topic in TOPICS]
    named = ab_test_experiment({**SETTINGS, "active_topics": topics}, shared / "named", shared)
    for name, estimate in outcomes["all"].estimates.items():
        np.testing.assert_array_equal(estimate.replicates, named.estimates[name].replicates)
    assert outcomes["all"].estimates["lift orders"].value != 0
    of_region = outcomes["region"].estimates["orders"].value
    assert of_region not in (
        outcomes[name].estimates["orders"].value for name in ("zero_shot", "all")
    )


def test_a_lift_is_of_the_orders_of_the_base(outcomes: dict[str, Outcome]) -> None:
    base, all_topics = (outcomes[name].estimates for name in ("zero_shot", "all"))
    for gain in ("orders", "value/region4", "clicks/channel"):
        expected = 100 * (all_topics[gain].value / base[gain].value - 1)
        assert all_topics[f"lift {gain}"].value == pytest.approx(expected, abs=1e-9)


def test_the_control_answers_as_a_ranker_of_its_own(outcomes: dict[str, Outcome]) -> None:
    control = outcomes["control"]
    assert {"steps of the control", "its rate"} <= set(control.facts)
    assert set(AB_TEST.metrics) <= set(control.estimates)
    orders = {name: outcome.estimates["orders"].value for name, outcome in outcomes.items()}
    assert orders.pop("control") not in orders.values()
    assert orders.pop("memory") not in orders.values()


def test_gains_of_domains_add_up(outcomes: dict[str, Outcome], requests: TakeoutRequests) -> None:
    estimates = outcomes["all"].estimates
    for topic in TOPICS:
        shares = np.bincount(getattr(requests.offers.context, topic.name)) / len(requests.users)
        parts = [estimates[f"value/{domain}"].value for domain in topic.domains]
        assert shares @ parts == pytest.approx(estimates["value"].value)


def test_every_metric_of_the_studies_is_there(outcomes: dict[str, Outcome]) -> None:
    for study in (AB_TEST, CASE_STUDY):
        assert set(study.metrics) <= set(outcomes["all"].estimates)
        assert set(study.curves) <= set(outcomes["all"].curves)


def test_nothing_is_as_far_from_the_truth_as_itself_is_near(outcomes: dict[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        distance = outcome.estimates["cuisine distance"].value
        assert distance == 0 if name == "oracle" else distance > 0


def test_impressions_are_counted_as_in_a_plain_loop(
    world: World, requests: TakeoutRequests
) -> None:
    context, catalogue = requests.offers.context, world.catalogue
    lists = RankedLists.of(world, requests.offers, requests.offers.click_logit)
    bootstrap = ClusterBootstrap(replicates=3)
    shown = Impressions(world, context, bootstrap.group_of(requests.users), lists.item)
    shares = shown.shares(bootstrap)
    for region in range(6):
        for kind, away in (("residents", False), ("visitors", True)):
            flags = [
                bool(catalogue.speciality[item])
                for row, items in enumerate(lists.item)
                if context.region[row] == region and context.visitor[row] == away
                for item in items
            ]
            found = shares[f"speciality/region{region + 1}/{kind}"].value
            assert found == pytest.approx(100 * np.mean(flags)) if flags else np.isnan(found)
    other = Impressions(world, context, shown.groups, requests.offers.item[:, :10])
    mixes = [
        [np.mean(catalogue.cuisine[i.item[context.region == 0]] == c) for c in range(len(CUISINES))]
        for i in (shown, other)
    ]
    distance = shown.cuisine_distance(other, bootstrap)["cuisine distance/region1"].value
    assert distance == pytest.approx(50 * sum(abs(a - b) for a, b in zip(*mixes, strict=True)))
    assert shown.counts(0).sum() == 10 * (context.region == 0).sum()


def test_hot_items_come_in_order(outcomes: dict[str, Outcome]) -> None:
    curves = outcomes["all"].curves
    counts = [count for _, count in curves[HOT]]
    assert len(counts) == 12
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 0
    assert {flag for _, flag in curves[HOT_SPECIALITY]} <= {0.0, 1.0}
    flags = sum(flag for _, flag in curves[HOT_SPECIALITY])
    assert outcomes["all"].facts["specialities among hot items"] == flags
    base = outcomes["zero_shot"].curves
    assert base[HOT] == base[HOT_BEFORE]


def test_specialities_lead_by_logits() -> None:
    facts = specialities_lead(np.array([[0.5, 0.9], [0.1, 0.5]]), np.eye(2) == 0)
    assert facts["logit of specialities above others"] == pytest.approx(0.0)
    facts = specialities_lead(np.array([[0.5, 0.9], [0.9, 0.5]]), np.eye(2) == 0)
    assert facts["logit of specialities above others"] == pytest.approx(np.log(9))
    assert facts["deviation of logits"] == pytest.approx(np.log(9) / 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scores": "orcale"}, "no ranker 'orcale'; did you mean 'oracle'"),
        ({"scores": "zero_shot", "candidates": 5}, "at least 10 candidates"),
        ({"active_topics": ["regoin"]}, "no kernels of topic 'regoin'; did you mean 'region'"),
    ],
)
@pytest.mark.usefixtures("outcomes")
def test_bad_settings_are_named(shared: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        ab_test_experiment({**SETTINGS, **settings}, shared / "bad", shared)

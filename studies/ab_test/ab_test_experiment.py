"""Study experiment: rankers answer requests of a takeout world with simulated users."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studies.ab_test.list_gains import lift, per_thousand
from studies.ab_test.ranked_lists import RankedLists
from studies.ab_test.sampled_test import sampled_lift, users_needed
from studies.ab_test.takeout_impressions import Impressions
from studies.ab_test.takeout_rankers import (
    model_scores,
    oracle_scores,
    popularity_scores,
    random_scores,
)
from studies.ab_test.takeout_requests import TakeoutRequests, read_requests
from studies.framework.study import Curve, Outcome, Settings, settings_key
from studies.takeout.takeout_runs import (
    TAKEOUT_SETTINGS,
    takeout_base,
    takeout_config,
    takeout_control,
    takeout_data,
    takeout_kernels,
)
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.data.sources.takeout.domains import REGION, TOPICS
from tfrec_mt.data.sources.takeout.sampling import Context
from tfrec_mt.data.sources.takeout.world import World
from tfrec_mt.errors import nearest
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.evaluation.row_scoring import POPULARITY
from tfrec_mt.evaluation.scoring import ADAPTED, CONTROL, ZERO_SHOT
from tfrec_mt.jobs.control import control_facts
from tfrec_mt.models.model_store import load_model
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import SchemaError
from tfrec_mt.storage.names import MODEL
from tfrec_mt.training.run_folder import kernels_behind

ORACLE, RANDOM = "oracle", "random"
RANKERS = (ZERO_SHOT, ADAPTED, CONTROL, POPULARITY, ORACLE, RANDOM)

# `scores` may also be `random`, but not `full`. Kernels are trained for `kernel_topics`. Those of
# `active_topics`, or all if none are named, act when candidates are scored. `requests` is the
# number of the test day's requests to answer (0: all), `candidates` the number ranked for each.
AB_TEST_SETTINGS: Settings = {
    **TAKEOUT_SETTINGS,
    "active_topics": [],
    "candidates": 40,
    "requests": 0,
}

# Gains of lists, by field of `ListGains`.
GAINS = {
    "orders": "orders (NO)",
    "visits_with_order": "requests with an order (OR)",
    "value": "price of what is ordered (NG)",
    "clicks": "clicks",
}
HOT_REGION, HOT_ITEMS = "region4", 12
HOT = "impressions of the hottest items by place"
HOT_BEFORE = "impressions of the same items from ZS-OLR by place"
HOT_SPECIALITY = "a local speciality (1) or not by place"
_ANSWERS_STREAM = 7


def ab_test_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Ranks candidates for the requests of the eighth day and lets the world's users answer.

    Estimates are the expected value of each of `GAINS` per 1,000 requests, over all requests and
    by `GAIN/DOMAIN`. For all rankers but the base alone, they include the lift over it in percent
    (`lift GAIN` and `lift GAIN/DOMAIN`) and the lift that one sampled test shows (`sampled lift
    GAIN`). Estimates of what was shown are described in `Impressions`.

    Args:
      settings: `AB_TEST_SETTINGS` and `seed`, of the world as of training, recall and answers.
      folder: Not used; all that is trained is shared.
      shared: Takes worlds, bases, controls and kernels.

    Raises:
      SchemaError: Unknown `scores` or `active_topics`, or fewer candidates than slots.
    """
    ranker = settings["scores"]
    if ranker not in RANKERS:
        raise SchemaError(f"no ranker {ranker!r}; {nearest(ranker, RANKERS)}")
    dataset, world = takeout_data(settings, shared), World.create(takeout_config(settings))
    limits = settings["candidates"], settings["requests"]
    requests = read_requests(dataset, world, dataset.parts[-1], *limits)
    base = load_model(takeout_base(settings, shared) / MODEL, dataset)
    plain = model_scores(AdaptedModel(base, []), requests.features)
    truth = oracle_scores(requests.offers, world.position_effect)
    scores = plain if ranker == ZERO_SHOT else truth
    trained: dict[str, float] = {}
    if ranker == ADAPTED:
        adapted = AdaptedModel(base, _kernels(settings, shared, base))
        scores = model_scores(adapted, requests.features)
    elif ranker == CONTROL:
        run = takeout_control(settings, shared)
        continued = AdaptedModel(load_model(run / MODEL, dataset), [])
        scores, trained = model_scores(continued, requests.features), control_facts(run)
    elif ranker == POPULARITY:
        scores = popularity_scores(dataset, requests.features)
    elif ranker == RANDOM:
        scores = random_scores(requests.offers.item.shape, settings["seed"])
    lists, before, best = (
        RankedLists.of(world, requests.offers, found) for found in (scores, plain, truth)
    )
    bootstrap = ClusterBootstrap()
    groups = bootstrap.group_of(requests.users)
    context = requests.offers.context
    shown, shown_before, shown_best = (
        Impressions(world, context, groups, found.item) for found in (lists, before, best)
    )
    gains = _expected(bootstrap, groups, context, lists)
    facts: dict[str, float] = {"users": len(np.unique(requests.users)), **trained}
    lifts: dict[str, Estimate] = {}
    if ranker != ZERO_SHOT:
        alone = _expected(bootstrap, groups, context, before)
        lifts = {f"lift {name}": lift(gains[name], alone[name]) for name in gains}
        sampled, needed = _sampled(bootstrap, requests, lists, before, settings["seed"])
        lifts |= sampled
        facts |= needed
    curves = _hot_items(world, shown, shown_before)
    facts["specialities among hot items"] = sum(flag for _, flag in curves[HOT_SPECIALITY])
    facts |= specialities_lead(scores, world.catalogue.speciality[requests.offers.item])
    return Outcome(
        estimates={
            **gains,
            **lifts,
            **shown.shares(bootstrap),
            **shown.cuisine_distance(shown_best, bootstrap),
        },
        facts=facts,
        curves=curves,
    )


def _kernels(settings: Settings, shared: Path, base: RankingModel) -> list[DomainKernels]:
    """The active kernels; variants with the same kernels share one training run."""
    trained = {name: settings[name] for name in TAKEOUT_SETTINGS if name != "scores"}
    folder = shared / "kernels" / settings_key(trained)
    layers = kernels_behind(base, takeout_kernels(settings, folder, shared))
    known = [layer.topic for layer in layers]
    for topic in settings["active_topics"]:
        if topic not in known:
            raise SchemaError(f"no kernels of topic {topic!r}; {nearest(topic, known)}")
    active = settings["active_topics"] or known
    return [layer for layer in layers if layer.topic in active]


def _expected(
    bootstrap: ClusterBootstrap, groups: NDArray[np.int64], context: Context, lists: RankedLists
) -> dict[str, Estimate]:
    """Expected gains per 1,000 requests, over all and by domain."""
    found: dict[str, Estimate] = {}
    for name, gain in asdict(lists.expected_gains()).items():
        found[name] = per_thousand(bootstrap, groups, gain)
        for topic in TOPICS:
            codes = getattr(context, topic.name)
            for code, domain in enumerate(topic.domains):
                found[f"{name}/{domain}"] = per_thousand(bootstrap, groups, gain, codes == code)
    return found


def _sampled(
    bootstrap: ClusterBootstrap,
    requests: TakeoutRequests,
    lists: RankedLists,
    before: RankedLists,
    seed: int,
) -> tuple[dict[str, Estimate], dict[str, float]]:
    """Lifts that one sampled test shows, and the users needed to detect the lift of orders."""
    rng = np.random.default_rng([seed, _ANSWERS_STREAM])
    control, treatment = before.sampled_gains(rng), lists.sampled_gains(rng)
    lifts = {
        f"sampled lift {name}": sampled_lift(
            bootstrap, requests.users, getattr(treatment, name), getattr(control, name), seed
        )
        for name in GAINS
    }
    difference = float(
        (lists.expected_gains().orders - before.expected_gains().orders).mean(dtype=np.float64)
    )
    if not difference:
        return lifts, {}
    needed = users_needed(requests.users, treatment.orders, control.orders, difference)
    return lifts, {"users in each half to see the lift of orders": needed}


def specialities_lead(
    scores: NDArray[np.floating], speciality: NDArray[np.bool_]
) -> dict[str, float]:
    """Mean logit of local specialities minus that of other items, and the deviation of logits."""
    logits = np.log(scores / (1 - scores), dtype=np.float64)
    lead = logits[speciality].mean() - logits[~speciality].mean()
    return {"logit of specialities above others": lead, "deviation of logits": logits.std()}


def _hot_items(world: World, shown: Impressions, before: Impressions) -> dict[str, Curve]:
    """Curves of the items shown most in one region, by place from 1.

    They are the items' impressions, their impressions from the base alone, and 1 for a speciality,
    else 0.
    """
    region = REGION.domains.index(HOT_REGION)
    counts, counts_before = shown.counts(region), before.counts(region)
    items = np.argsort(-counts, kind="stable")[:HOT_ITEMS]

    def curve(values: NDArray[np.generic]) -> Curve:
        return [(float(place), float(v)) for place, v in enumerate(values[items], start=1)]

    return {
        HOT: curve(counts),
        HOT_BEFORE: curve(counts_before),
        HOT_SPECIALITY: curve(world.catalogue.speciality),
    }

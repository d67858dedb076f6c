"""Study `ab_test`: section 7.7 of the IAK paper, what kernels earn when they rank the lists."""

from studies.ab_test.ab_test_experiment import (
    AB_TEST_SETTINGS,
    GAINS,
    HOT_REGION,
    ORACLE,
    RANDOM,
    ab_test_experiment,
)
from studies.framework.study import Settings, Study, Variant
from studies.takeout.takeout_runs import WITH_MEMORY

_LIFTS = {f"lift {gain}": f"lift of {what}, percent of ZS-OLR's" for gain, what in GAINS.items()}
CONTINUED = "OLR, continued"
# Kernels of all topics.
KERNELS: dict[str, Settings] = {
    "all topics": {},
    "trained jointly": {"joint": True},
    "all topics, with memory": WITH_MEMORY,
    "trained jointly, with memory": {"joint": True, **WITH_MEMORY},
}
_SEVEN_DAYS = {"scores": "zero_shot", "base_parts": ["train", "fresh"]}
AB_TEST = Study(
    name="ab_test",
    title="IAK, 7.7: an online A/B test",
    question=(
        "How many more orders do users place if kernels rank what they see?\n\n"
        "On the eighth day, each request of a simulated world recalls 40 items of its region, all "
        "equally likely. Every ranker sorts these by its estimate of the probability of a click "
        "and an order, as orders are what earns; ten are shown, and users respond by the world's "
        "own probabilities, position included. Rankers get what a server would: the features and "
        "the clicks so far. NO counts orders, OR the requests with at least one (the paper's "
        "orders over visits), NG adds the prices of what is ordered, without costs. Expected gains "
        "sum probabilities, so their differences do not depend on random responses, and intervals "
        "are over users. The sampled lift is the result of one test in which each user gets one of "
        "two rankers; next to it is the number of users such a test needs.\n\n"
        "Expected: kernels of all topics earn more orders than the base alone, by more than the "
        "paper's 0.6% to 1.9%, as the base here sees no topic and the world's topics shift "
        "preferences much; each topic's own kernels earn part of it, together about the sum, and "
        "more if trained jointly, which corrects common errors once. Region's kernels earn about "
        "as much in region4 as elsewhere. NG rises less steadily than NO, as nothing ranks by "
        "price. In one day a sampled test of these few thousand users shows the lift of all "
        "topics, if at all, with an interval about as wide as itself. Popularity and random lie "
        "below the base, the truth above all; it sorts by the mean over positions, which leaves "
        "less than 1% of orders to the best arrangement of lists.\n\n"
        "Kernels have seen a day more than the base. Their control is the base itself, continued "
        "on that day in as many steps, at a rate that is chosen on held-out users; it shows what "
        "the day alone is worth, expected to be a small part of what kernels earn if these learn "
        "domains. So does a base of all seven days; one that sees the topics shows what knowing "
        "them for seven days is worth, more than one day's kernels. Kernels with memory also "
        "remember what the day says of each id in each domain: expected to earn more than kernels "
        "alone, as the lists' tops are made of single items, if less than each topic's kernels do."
    ),
    paper=(
        "Kernels of region 4: orders +1.86%, order rate +1.14%, net value +1.62% there. Of both "
        "scenes: +.61%, +.46%, +.74% over all. Of all regions: +.58%, +.62%, +.74%."
    ),
    experiment=ab_test_experiment,
    settings=AB_TEST_SETTINGS,
    variants=(
        Variant(name="ZS-OLR", settings={"scores": "zero_shot"}),
        Variant(name=CONTINUED, settings={"scores": "control"}),
        *(
            Variant(name=f"OLR+IAK, {name}", settings=settings, control=CONTINUED)
            for name, settings in KERNELS.items()
        ),
        *(
            Variant(
                name=f"OLR+IAK, {topic}", settings={"active_topics": [topic]}, control=CONTINUED
            )
            for topic in ("scene", "period", "region")
        ),
        Variant(name="OLR, seven days", settings=_SEVEN_DAYS),
        Variant(
            name="OLR, seven days, with topics",
            settings={**_SEVEN_DAYS, "base_topics": ["scene", "period", "region"]},
        ),
        Variant(name="popularity", settings={"scores": "popularity"}),
        Variant(name="random", settings={"scores": RANDOM}),
        Variant(name="truth", settings={"scores": ORACLE}),
    ),
    metrics={
        **{gain: f"{what} per 1,000 requests" for gain, what in GAINS.items()},
        **_LIFTS,
        **{
            f"{name}/{HOT_REGION}": f"{what}, in {HOT_REGION}"
            for name, what in _LIFTS.items()
            if name != "lift clicks"
        },
        "lift orders/homepage": "lift of orders on the homepage, percent of ZS-OLR's",
        "lift orders/channel": "lift of orders in the channel, percent of ZS-OLR's",
        **{f"sampled {name}": f"{what}, in one sampled test" for name, what in _LIFTS.items()},
    },
    seeds=(0, 1, 2, 3, 4),
    reference="ZS-OLR",
    best="truth",
    worst="popularity",
)

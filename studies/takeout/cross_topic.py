"""Study `cross_topic`: table 4 of the IAK paper, kernels of pairs of domains."""

from studies.framework.study import Settings, Study, Variant
from studies.takeout.takeout_experiment import takeout_experiment, topic_metrics
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS

BASE = "ZS-OLR"
_CONTINUED = "OLR, continued"
TOPICS = ["scene", "period", "region"]
PAIRS = [["scene", "region"], ["scene", "period"], ["period", "region"]]
_CROSSED = ["_".join(pair) for pair in PAIRS]
_SETTINGS: Settings = {**TAKEOUT_SETTINGS, "cross_topics": PAIRS}

CROSS_TOPIC = Study(
    name="cross_topic",
    title="IAK, table 4: several topics at once",
    question=(
        "A request is in a scene, a period and a region at the same time. Is a kernel of its pair "
        "of domains better than the sum of the residuals of both topics' kernels, trained "
        "separately?\n\n"
        "Pairs of topics are topics of their own here: scene and region have 12 domains, scene and "
        "period 6, period and region 18. A kernel of a pair sees what holds for the pair alone, "
        "but has fewer rows to learn it from, a sixth of a region's in the worst case. Expected: "
        "both gain; the sum more, since domains of different topics shift tastes by amounts that "
        "mostly add up in this world and each of its kernels has more rows; the pair of scene and "
        "period, which has the most rows for each domain, least behind. Kernels of three topics "
        "trained separately correct common errors three times; trained jointly, once: expected a "
        "point above (as in two worlds that no study uses). The control is the base itself, "
        "continued on the kernels' day in as many steps: expected a tenth of the gain."
    ),
    paper=(
        "On average over the pairs of its table, the clicks' AUC of OLR+IAK is .37% (scene and "
        "region), .55% (scene and period) and .63% (period and region) above that of ZS-OLR, the "
        "orders' .42%, .61% and .31%. The sum of kernels is left to future work."
    ),
    experiment=takeout_experiment,
    settings=_SETTINGS,
    variants=(
        Variant(name=BASE, settings={"scores": "zero_shot"}),
        Variant(name=_CONTINUED, settings={"scores": "control"}),
        Variant(
            name="kernels of the pair",
            settings={"kernel_topics": _CROSSED},
            control=_CONTINUED,
            case="takeout, pairs of scene and region, topics unknown to the base",
        ),
        *(
            Variant(
                name=f"kernels of {a} + kernels of {b}",
                settings={"kernel_topics": [a, b]},
                control=_CONTINUED,
            )
            for a, b in PAIRS
        ),
        Variant(
            name="kernels of all three topics",
            settings={"kernel_topics": TOPICS},
            control=_CONTINUED,
        ),
        Variant(
            name="the same, trained jointly",
            settings={"kernel_topics": TOPICS, "joint": True},
            control=_CONTINUED,
        ),
        Variant(name="oracle", settings={"scores": "oracle"}),
    ),
    metrics=topic_metrics(*_CROSSED),
    seeds=(0, 1, 2, 3, 4),
    reference=BASE,
)

"""Study `baselines`: tables 2 and 3 of the IAK paper, and further baselines."""

from collections.abc import Mapping

from studies.framework.study import Settings, Study, Variant
from studies.takeout.takeout_experiment import (
    TAKEOUT_METRICS,
    TOPIC_METRICS,
    takeout_experiment,
)
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS, WITH_MEMORY

BASE = "ZS-OLR"
_CONTINUED = "OLR, continued"
_ZERO_SHOT = {"scores": "zero_shot"}
_TOPICS = ["scene", "period", "region"]
# A joint model of many domains is trained on the rows of the base and of the kernels.
_JOINT: Settings = {**_ZERO_SHOT, "base_topics": _TOPICS, "base_parts": ["train", "fresh"]}


def _published(*averages: float) -> Mapping[str, float]:
    """The published averages over each topic's domains, for clicks and then for orders."""
    return dict(zip(TOPIC_METRICS, averages, strict=True))


BASELINES = Study(
    name="baselines",
    title="IAK, tables 2 and 3: baselines, the base alone and with kernels",
    question=(
        "Does the base rank better than models without its parts, and do kernels improve it in "
        "each topic's domains?\n\n"
        "SB, ESMM, MMoE, PLE and ZS-OLR are trained on the same six days, know no topic, and share "
        "one front end: embeddings, histories, debias tower. Kernels see the seventh day in "
        "addition; their control is the base itself, continued on that day in as many steps, at "
        "a rate that is chosen on held-out users. Kernels with memory also remember what that day "
        "says of each id in each domain. Below the paper's rows are models that see all topics and "
        "are trained on all seven days at once: OLR, PEPNet, M2M, and STAR, whose domain weights "
        "are for regions. All are evaluated on the eighth. The published figures are of other "
        "data, so only the order of rows can be compared.\n\n"
        "Expected: the paper's order, SB, ESMM, MMoE, ZS-OLR, OLR+IAK, with small steps between "
        "the first four, as they differ in the main net only; and models that see the topics above "
        "kernels, which have one day to learn what these know from seven. The control learns the "
        "day, but no domain: expected far below kernels, and a little above the base. What memory "
        "adds is a third of what kernels do, as in the demo's only run so far: mostly of cuisines, "
        "of which each domain has many rows a day."
    ),
    experiment=takeout_experiment,
    settings=TAKEOUT_SETTINGS,
    variants=(
        Variant(name="popularity", settings={"scores": "popularity"}),
        Variant(
            name="SB",
            settings={**_ZERO_SHOT, "model": "shared_bottom"},
            published=_published(0.71051, 0.71266, 0.71952, 0.83084, 0.83667, 0.83047),
        ),
        Variant(
            name="ESMM",
            settings={**_ZERO_SHOT, "model": "esmm"},
            published=_published(0.71219, 0.71849, 0.72094, 0.83204, 0.84093, 0.83442),
        ),
        Variant(
            name="MMoE",
            settings={**_ZERO_SHOT, "model": "mmoe"},
            published=_published(0.71632, 0.72190, 0.72239, 0.83468, 0.84178, 0.83528),
        ),
        Variant(name="PLE", settings={**_ZERO_SHOT, "model": "ple"}),
        Variant(
            name=BASE,
            settings=_ZERO_SHOT,
            published=_published(0.72225, 0.72634, 0.72473, 0.83647, 0.84583, 0.83761),
        ),
        Variant(name=_CONTINUED, settings={"scores": "control"}),
        Variant(
            name="OLR+IAK",
            control=_CONTINUED,
            published=_published(0.72414, 0.73112, 0.72730, 0.84053, 0.84806, 0.83852),
        ),
        Variant(name="OLR+IAK with memory", settings=WITH_MEMORY, control=_CONTINUED),
        Variant(name="OLR, seven days", settings={**_ZERO_SHOT, "base_parts": ["train", "fresh"]}),
        Variant(name="OLR, with topics", settings=_JOINT),
        Variant(name="PEPNet", settings={**_JOINT, "model": "pepnet"}),
        Variant(name="M2M", settings={**_JOINT, "model": "m2m"}),
        Variant(
            name="STAR",
            settings={**_JOINT, "model": "star", "base_topics": ["region", "scene", "period"]},
        ),
        Variant(name="oracle", settings={"scores": "oracle"}),
    ),
    metrics={**TOPIC_METRICS, **TAKEOUT_METRICS},
    seeds=(0, 1, 2, 3, 4),
    reference=BASE,
    best="oracle",
    worst="popularity",
)

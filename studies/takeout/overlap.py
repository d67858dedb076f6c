"""Study `overlap`: figure 3c of the IAK paper, kernels that also learn from other domains' rows."""

from studies.framework.study import Study, Variant
from studies.takeout.takeout_experiment import (
    TAKEOUT_METRICS,
    TOPIC_METRICS,
    takeout_experiment,
)
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS, WITH_MEMORY

OWN = "own rows"
_CONTINUED = "base continued"

OVERLAP = Study(
    name="overlap",
    title="IAK, figure 3c: own rows against rows of related domains with a weight",
    question=(
        "Domains share users and items. Should a kernel learn from its own domain's rows only?\n\n"
        "Part of a kernel's loss comes from rows of the other domains of its topic. Expected: the "
        "base has learned on six days what domains have in common, and kernels learn what sets "
        "domains apart, where other domains mislead; so a loss that grows with the share, unless a "
        "domain is so small that noise is worse, as in the small regions.\n\n"
        "The control, the base itself continued on the same rows in as many steps, learns from the "
        "rows of all domains alike: expected below kernels of own rows, as domains differ more "
        "than days do. A memory of ids is of a domain's own rows at any share; it is tried with "
        "own rows alone, where most is expected of kernels. Expected: more than any share gives."
    ),
    paper=(
        "With 30% of the weight on rows of the other scene the kernel of scene 1 ranks better than "
        "with its own rows alone."
    ),
    experiment=takeout_experiment,
    settings=TAKEOUT_SETTINGS,
    variants=(
        Variant(name="base alone", settings={"scores": "zero_shot"}),
        Variant(name=_CONTINUED, settings={"scores": "control"}),
        Variant(name=OWN, control=_CONTINUED),
        Variant(name=f"{OWN} with memory", settings=WITH_MEMORY, control=_CONTINUED),
        *(
            Variant(
                name=f"{share:.0%} of related rows",
                settings={"related_share": share},
                control=_CONTINUED,
            )
            for share in (0.1, 0.3, 0.5)
        ),
    ),
    metrics={**TAKEOUT_METRICS, **TOPIC_METRICS},
    seeds=(0, 1, 2, 3, 4),
    reference=OWN,
)

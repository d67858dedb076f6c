"""Study `tastes`: kernels that remember what a user likes, where users have many rows."""

from studies.first_hour.first_hour_experiment import variant_name
from studies.first_hour.first_kernels import FIRST_KERNELS
from studies.first_hour.first_kernels_experiment import (
    BASE,
    CONTINUED,
    FIRST_KERNELS_SETTINGS,
    first_kernels_experiment,
)
from studies.framework.study import Study, Variant

_LOGS = ("MovieLens-1M", "MovieLens-100K", "MovieLens-100K by time")
_KERNELS = ("kernels", "kernels without slopes of users", "kernels with half the axes")

TASTES = Study(
    name="tastes",
    title="What users like: slopes along axes of knowledge",
    question=(
        "An id's offset is the same for every item. Do kernels gain if a user also has a slope "
        "along each of the principal axes of the base's knowledge, and do they then lose nothing "
        "to the base that is continued on their rows?\n\n"
        "All settings are defaults; the logs are those whose users have enough rows (of takeout, "
        "a user's 30 rows with 6% clicks tell less than 16 with even odds).\n\n"
        "Expected, from sketches with one seed: on MovieLens-1M kernels .001 below the control "
        "without slopes, and level with it with them; on MovieLens-100K in order of time, where "
        "tomorrow's users are new, no harm."
    ),
    experiment=first_kernels_experiment,
    settings=FIRST_KERNELS_SETTINGS,
    variants=tuple(
        Variant(
            name=variant_name(who, log),
            settings={"log": log, "who": who},
            reference=variant_name(BASE, log),
            control=variant_name(CONTINUED, log) if who in _KERNELS else None,
        )
        for log in _LOGS
        for who in (BASE, CONTINUED, *_KERNELS)
    ),
    metrics=FIRST_KERNELS.metrics,
    seeds=(0, 1, 2, 3, 4),
    reference=variant_name(BASE, _LOGS[0]),
)

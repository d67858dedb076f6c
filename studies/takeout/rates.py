"""Study `rates`: how fast each kernel learns from a mixed batch."""

from studies.framework.study import Study, Variant
from studies.takeout.takeout_experiment import (
    TAKEOUT_METRICS,
    takeout_experiment,
)
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS

_CONTINUED = "base continued"

RATES = Study(
    name="rates",
    title="Dynamic batch-aware rates (IAK paper, 5.4.2 and equation 21)",
    question=(
        "All kernels learn in one pass from batches in which domains mix. The paper gives each "
        "kernel its own rate in each batch, softmax(rows / norm of the gradient). Is that better "
        "than one rate for all?\n\n"
        "Expected: as printed the softmax saturates, since rows / norm reaches thousands, so in a "
        "step one kernel of a topic learns and the rest stand still, and the result is worse. "
        "Normalised (divided by its mean before the softmax, times the number of kernels after), "
        "rates stay around 1, and as Adam levels gradients out anyway there is little to gain. "
        "Beside them stands their control, the base itself continued on the same rows in as many "
        "steps: expected below all but the saturated rates."
    ),
    paper="The formula alone; no figures.",
    experiment=takeout_experiment,
    settings=TAKEOUT_SETTINGS,
    variants=(
        Variant(name="base alone", settings={"scores": "zero_shot"}),
        Variant(name=_CONTINUED, settings={"scores": "control"}),
        *(
            Variant(name=r, settings={"rate_rule": r}, control=_CONTINUED)
            for r in ("none", "normalised", "printed")
        ),
    ),
    metrics=TAKEOUT_METRICS,
    seeds=(0, 1, 2, 3, 4),
    reference="none",
)

"""Study `shift`: lift of kernels by how much domains differ and whether the base reads them."""

from collections.abc import Iterator

from studies.framework.study import Settings, Study, Variant
from studies.takeout.takeout_experiment import (
    TAKEOUT_METRICS,
    takeout_experiment,
)
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS

SHIFTS = (0.0, 0.5, 1.0, 2.0)
KNOWN = ["scene", "period", "region"]


def _variants() -> Iterator[Variant]:
    for known, topics in (("unknown", []), ("known", KNOWN)):
        for shift in SHIFTS:
            settings: Settings = {"shift": shift, "base_topics": topics}
            name = f"shift {shift:g}, topics {known}"
            control = f"{name}: continued"
            yield Variant(name=name, settings={**settings, "scores": "zero_shot"})
            yield Variant(name=control, settings={**settings, "scores": "control"}, reference=name)
            yield Variant(
                name=f"{name}: kernels",
                settings=settings,
                reference=name,
                control=control,
                case=f"takeout, shift {shift:g}, topics {known} to the base",
            )


SHIFT = Study(
    name="shift",
    title="Where kernels help: domains that differ more or less, known to the base or not",
    question=(
        "What decides whether kernels pay?\n\n"
        "Worlds differ in how far domains' tastes are from each other (1 is the default, 0 makes "
        "all alike), and bases in whether they see the topics. Expected: nothing at 0, or noise "
        "that the trial keeps out; a lift that grows faster than the shift where the topics are "
        "unknown, as what can be learned grows with its square; and a tenth of it where they are "
        "known, which is what changed since the base's last day. Their control, the base itself "
        "continued on the kernels' rows in as many steps, learns that change too, and where the "
        "topics are known it can tell domains apart: expected about as much there, and next to "
        "nothing of the lift where they are unknown."
    ),
    experiment=takeout_experiment,
    settings=TAKEOUT_SETTINGS,
    variants=tuple(_variants()),
    metrics=TAKEOUT_METRICS,
    # each seed takes four worlds and eight bases
    seeds=(0, 1, 2),
    reference="shift 1, topics unknown",
)

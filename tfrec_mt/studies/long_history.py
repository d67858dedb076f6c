"""Study `long_history`: what retrieval by hash loses against attention to all clicks."""

from tfrec_mt.studies.study import Study, Variant
from tfrec_mt.studies.takeout_experiment import (
    TAKEOUT_METRICS,
    takeout_experiment,
)
from tfrec_mt.studies.takeout_runs import TAKEOUT_SETTINGS

LONG, SHORT = 64, 5
TOPS = (8, 16)


def _variant(name: str, short: int, long: int = 0, top: int = 32) -> Variant:
    settings = {"short_history": short, "long_history": long, "long_top": top}
    return Variant(name=name, settings=settings)


LONG_HISTORY = Study(
    name="long_history",
    title="Long histories: retrieval by hash against attention to all clicks",
    question=(
        "The hash module attends to those clicks of a long history that are nearest to the item. "
        "Does a ranking lose by that what attention to all of them would find?\n\n"
        "Half of the rows are of users who click 15 times or more in the eight days, a tenth of "
        f"ones who click 65 times or more. So the module gets {LONG} clicks and takes {TOPS[0]} or "
        f"{TOPS[1]}, beside attention to the last {SHORT}, which also stand alone to show what "
        "clicks tell at all. Expected: no loss that is certain, as clicks that are far from an "
        "item have little weight in attention anyway."
    ),
    experiment=takeout_experiment,
    settings={**TAKEOUT_SETTINGS, "scores": "zero_shot"},
    variants=(
        _variant(f"attention to all {LONG}", LONG),
        *(_variant(f"attention to {SHORT}, hash: {k} of {LONG}", SHORT, LONG, k) for k in TOPS),
        _variant(f"attention to {SHORT}", SHORT),
    ),
    metrics=TAKEOUT_METRICS,
    seeds=(0, 1, 2, 3, 4),
    reference=f"attention to all {LONG}",
)

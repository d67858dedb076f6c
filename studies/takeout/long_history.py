"""Study `long_history`: what retrieval by hash loses against attention to all clicks."""

from studies.framework.study import Settings, Study, Variant
from studies.takeout.takeout_experiment import (
    TAKEOUT_METRICS,
    takeout_experiment,
)
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS

LONG, SHORT = 64, 5
TOPS = (8, 16)
ALL, LAST = f"attention to all {LONG}", f"attention to {SHORT}"
GROWING = "trained on histories that grow"
# Histories begin on the first day; bases train on the last days before the test.
_GROWN = "warm:4,train:3,test:1"


def _sides(short: int, long: int = 0, top: int = 32) -> Settings:
    return {"short_history": short, "long_history": long, "long_top": top}


CASES = {
    ALL: _sides(LONG),
    **{f"{LAST}, hash: {top} of {LONG}": _sides(SHORT, LONG, top) for top in TOPS},
    LAST: _sides(SHORT),
}

LONG_HISTORY = Study(
    name="long_history",
    title="Long histories: retrieval by hash against attention to all clicks",
    question=(
        "The hash module attends to those clicks of a long history that are nearest to the item. "
        "Does ranking lose what attention to all of them would find?\n\n"
        "Half of the rows are from users who click 15 times or more in the eight days, a tenth "
        f"from ones who click 65 times or more. So the module gets {LONG} clicks and takes "
        f"{TOPS[0]} or {TOPS[1]}, in addition to attention to the last {SHORT}, which are also "
        "measured alone to show what clicks contribute. Expected: no certain loss, as "
        "clicks far from an item have little weight in attention anyway.\n\n"
        "Bases see days 5 to 7, when histories have grown. In the first run of this study they saw "
        "days 1 to 6, and the module cost more than it gained: while a history has no more clicks "
        "than it takes, it takes all of them, and on the test day it takes the nearest of many, "
        "which looks like a preference to a model that has not seen such. These rows are at the "
        "end."
    ),
    experiment=takeout_experiment,
    settings={**TAKEOUT_SETTINGS, "scores": "zero_shot", "split": _GROWN},
    variants=(
        *(Variant(name=name, settings=sides) for name, sides in CASES.items()),
        *(
            Variant(
                name=f"{name}; {GROWING}",
                settings={**sides, "split": TAKEOUT_SETTINGS["split"]},
                reference=None if name == ALL else f"{ALL}; {GROWING}",
            )
            for name, sides in CASES.items()
        ),
    ),
    metrics=TAKEOUT_METRICS,
    seeds=(0, 1, 2, 3, 4),
    reference=ALL,
)

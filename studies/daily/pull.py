"""Study `pull`: how kernels follow the days behind a base that is continued."""

from studies.daily.daily_experiment import DAILY_CURVES, DAILY_METRICS, daily_experiment
from studies.daily.daily_runs import BEHIND, CONTINUED, DAILY, FRESH, GOING_ON, NONE
from studies.framework.study import Settings, Study, Variant

_CONTINUED = "base continued"


def _behind(name: str, base: str) -> tuple[Variant, ...]:
    going_on: Settings = {"base": base, "kernels": GOING_ON}
    return (
        Variant(name=f"{name}, kernels anew each day", settings={"base": base, "kernels": FRESH}),
        *(
            Variant(
                name=f"{name}, kernels go on, pull {pull:g}", settings={**going_on, "pull": pull}
            )
            for pull in (0.0, 0.1, 1.0)
        ),
    )


PULL = Study(
    name="pull",
    title="Tomorrow's kernels: from scratch or going on, and how strongly they are pulled",
    question=(
        "The days are those of study `daily`. Behind a base that follows a day behind, kernels "
        "learn from whole days; behind one that is continued each day, from a quarter of a day's "
        "requests, which the base leaves to them. They start from scratch each day, or are carried "
        "over and go on, with a pull towards what they were: a penalty on the squared distance.\n\n"
        "Expected: whole days beat quarters, and kernels that go on those from scratch. A pull of "
        ".1 is a little better than none, as one day is few rows for a small domain; a pull of 1 "
        "keeps kernels from following the world."
    ),
    experiment=daily_experiment,
    settings=DAILY,
    variants=(
        Variant(name=_CONTINUED, settings={"base": CONTINUED, "kernels": NONE}),
        *_behind("a quarter", CONTINUED),
        *_behind("a day behind", BEHIND),
    ),
    metrics=DAILY_METRICS,
    seeds=(0, 1, 2),
    reference=_CONTINUED,
    curves=DAILY_CURVES,
)

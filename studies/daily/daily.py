"""Study `daily`: a base and its kernels over fourteen days of new users and items."""

from studies.daily.daily_experiment import DAILY_CURVES, DAILY_METRICS, daily_experiment
from studies.daily.daily_runs import ANEW, BEHIND, CONTINUED, DAILY, FRESH, FROZEN, GOING_ON, NONE
from studies.framework.study import Study, Variant

_CONTINUED = "base continued"

DAILY_STUDY = Study(
    name="daily",
    title="Tomorrow's data: a base and its kernels over fourteen days",
    question=(
        "A tenth of the users and a tenth of the items are replaced each day. Bases learn from six "
        "days in one pass; from then on each model learns from one day after another and is "
        "measured on the day after. Which ones keep up, and at what cost?\n\n"
        "The base of day 6 stays as it is, alone or with kernels that learn from each day, from "
        "scratch or going on from the day before's. Or the base is continued on each day: ids come "
        "and go (evicted after four days without a row), histories and the optimizer's state go "
        "on. Kernels behind it learn from a quarter of the day's requests, which the base leaves "
        "to them; or the base follows a day behind, and kernels learn from the whole day before it "
        "does. They too start from scratch or go on: they are carried over to today's base, with a "
        "pull towards what they were. Or a base is trained anew each day on all days so far.\n\n"
        "Expected: the base of day 6 loses a point of AUC in a week, most of it to new ids, and "
        "kernels behind it lift it by what the domains say. A continued base ends within .005 of "
        "one that is trained anew, at a tenth of its rows. Kernels that go on beat kernels from "
        "scratch, and the continued base in every domain. "
        "Users of the first day who are still there are served at least as well by a continued "
        "base as by the base of day 6: nothing is forgotten."
    ),
    experiment=daily_experiment,
    settings=DAILY,
    variants=(
        Variant(name="base of day 6", settings={"base": FROZEN, "kernels": NONE}),
        Variant(
            name="base of day 6, kernels anew each day", settings={"base": FROZEN, "kernels": FRESH}
        ),
        Variant(
            name="base of day 6, kernels go on", settings={"base": FROZEN, "kernels": GOING_ON}
        ),
        Variant(name=_CONTINUED, settings={"base": CONTINUED, "kernels": NONE}),
        Variant(
            name="base a day behind, kernels go on",
            settings={"base": BEHIND, "kernels": GOING_ON},
        ),
        Variant(name="base anew each day", settings={"base": ANEW, "kernels": NONE}),
    ),
    metrics=DAILY_METRICS,
    seeds=(0, 1, 2),
    reference=_CONTINUED,
    curves=DAILY_CURVES,
)

"""Study `time_span`: figures 3a and 3b of the IAK paper, pseudo cold start."""

from collections.abc import Iterator

from studies.framework.study import Settings, Study, Variant
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS, WITH_MEMORY
from studies.takeout.time_span_experiment import TIME_SPAN_METRICS, time_span_experiment

DAYS = ["day4", "day5", "day6", "day7"]
_SPLIT = f"train:3,{','.join(f'{day}:1' for day in DAYS)},test:1"
_SETTINGS: Settings = {**TAKEOUT_SETTINGS, "split": _SPLIT, "kernel_parts": DAYS[-1:]}


def _span(days: int) -> Iterator[Variant]:
    name, parts = f"{days} day{'s' * (days > 1)}", {"kernel_parts": DAYS[-days:]}
    control = f"{name}: base continued"
    yield Variant(name=control, settings={**parts, "scores": "control"})
    yield Variant(name=name, settings=parts, control=control)
    yield Variant(name=f"{name} with memory", settings={**parts, **WITH_MEMORY}, control=control)


TIME_SPAN = Study(
    name="time_span",
    title="IAK, figures 3a and 3b: days of rows that kernels are trained on (pseudo cold start)",
    question=(
        "A kernel is trained on a few days, and a user without rows in its domain on these days is "
        "new to it, though not to the base. How much does that matter?\n\n"
        "The base is trained on the first three days; kernels on the last one to four days before "
        "the test, and so is their control, the base itself continued on the same days in as many "
        "steps. What is added to the base is measured apart for users who had rows of the domain "
        "on those days and for others. Expected: a curve that rises and flattens, as rows double "
        "and then grow by halves and thirds; and hardly a difference between the two kinds of "
        "users, since a kernel is a function of the base's knowledge that all users of a domain "
        "share, and does not learn user ids. A control does learn them: expected that it adds more "
        "for users whom it has seen, gains with the days as well, and stays below kernels, as it "
        "knows no domain. A memory, of all ids but the user's, should add more with more days, "
        "which show each id more often, and to both kinds of users alike."
    ),
    paper="AUC rises with the days, more and more slowly; about a week is recommended.",
    experiment=time_span_experiment,
    settings=_SETTINGS,
    variants=(
        Variant(name="base alone", settings={"scores": "zero_shot"}),
        *(variant for days in range(1, len(DAYS) + 1) for variant in _span(days)),
    ),
    metrics=TIME_SPAN_METRICS,
    seeds=(0, 1, 2, 3, 4),
    reference="1 day",
)

"""Study `first_kernels`: kernels with defaults on each log, against the continued base."""

from collections.abc import Iterator

from studies.first_hour.first_hour_experiment import variant_name
from studies.first_hour.first_kernels_experiment import (
    BASE,
    CONTINUED,
    FIRST_KERNELS_SETTINGS,
    KINDS,
    TOPICS_UNKNOWN,
    TRUTH,
    first_kernels_experiment,
)
from studies.framework.logs import LOGS
from studies.framework.study import Study, Variant

_UNKNOWN_IN = ("takeout 300k", "takeout 1M")
*_EVERYWHERE, _LESS_CERTAIN, _, _ = KINDS  # the last two are of study `tastes`
_LESS_CERTAIN_IN = ("takeout 300k", "MovieLens-100K by time")
_CASES = {
    **{log: {"log": log} for log in LOGS},
    **{f"{log} with topics unknown": {"log": log, **TOPICS_UNKNOWN} for log in _UNKNOWN_IN},
}


def _of(case: str) -> Iterator[str]:
    """Names of what is measured in a case."""
    yield from (BASE, CONTINUED, *_EVERYWHERE)
    if case in _LESS_CERTAIN_IN:
        yield _LESS_CERTAIN
    if case.startswith("takeout"):
        yield TRUTH


FIRST_KERNELS = Study(
    name="first_kernels",
    title="The first kernels: defaults alone, and the base continued",
    question=(
        "What do kernels add to a base if both are trained with no setting but the data?\n\n"
        "Beside them stands their control: the base itself, continued on their rows in as many "
        "steps, at a rate chosen on users held out. In takeout worlds the base sees all topics, "
        "or, in two cases, none. Served are the kernels of all topics together.\n\n"
        "Expected of kernels as they are by default, which remember ids: in takeout worlds .003 "
        "above the control where the base knows the topics and .06 above the base where it does "
        "not, and above the control in nine of eleven domains; elsewhere not below base or control "
        "by interval, in no domain. Without a memory they are below the control where the base "
        "knows the topics. A memory without layers is as good as both together there. Kernels that "
        "the trial keeps at one standard error, where two are the default, gain no more on takeout "
        "and harm on MovieLens-100K by time. Predicted clicks are within 5% of those observed in "
        "every domain, and within 10% where users or items are unknown, or as near as the truth is."
    ),
    experiment=first_kernels_experiment,
    settings=FIRST_KERNELS_SETTINGS,
    variants=tuple(
        Variant(
            name=variant_name(who, case),
            settings={**settings, "who": who},
            reference=variant_name(BASE, case),
            control=variant_name(CONTINUED, case) if who in KINDS else None,
        )
        for case, settings in _CASES.items()
        for who in _of(case)
    ),
    metrics={
        "auc": "AUC of a click",
        "log_loss": "log loss of a click",
        "mean_auc": "AUC of a click, mean over all domains",
        "calibration": "predicted over observed clicks",
        "unknown_users": "the same, rows of users that no training row had",
        "unknown_items": "the same, rows of items that no training row had",
    },
    seeds=(0, 1, 2, 3, 4),
    reference=variant_name(BASE, next(iter(_CASES))),
)

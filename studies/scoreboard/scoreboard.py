"""Study `scoreboard`: every base of the catalog on fixed splits, alone and with kernels."""

from collections.abc import Iterator

from studies.framework.study import Study, Variant
from studies.scoreboard.scoreboard_experiment import (
    BASE,
    CONTINUED,
    KERNEL,
    NEWS,
    SCOREBOARD_LOGS,
    SCOREBOARD_SETTINGS,
    floors_of,
    scoreboard_experiment,
)
from tfrec_mt.models.catalog import RANKING_MODELS

_OF_NEWS = ("news",)
# The base that the floors of a log are compared with.
_FIRST = {log: "olr" for log in SCOREBOARD_LOGS} | {NEWS: _OF_NEWS[0]}


def _variants() -> Iterator[Variant]:
    for log in SCOREBOARD_LOGS:
        reference = f"{log}: {_FIRST[log]}"
        for name, who in floors_of(log).items():
            settings = {"log": log, "model": _FIRST[log], "who": who}
            yield Variant(name=f"{log}: {name}", settings=settings, reference=reference)
        for model in _OF_NEWS if log == NEWS else RANKING_MODELS:
            name = f"{log}: {model}"
            settings = {"log": log, "model": model}
            yield Variant(name=name, settings={**settings, "who": BASE}, reference=reference)
            yield Variant(
                name=f"{name}, continued", settings={**settings, "who": CONTINUED}, reference=name
            )
            yield Variant(
                name=f"{name} with kernels",
                settings={**settings, "who": KERNEL},
                reference=name,
                control=f"{name}, continued",
            )


SCOREBOARD = Study(
    name="scoreboard",
    title="Scoreboard: every base, alone and with kernels",
    question=(
        "How good is each base of the catalog on logs whose splits do not change, what do kernels "
        "add to it, and has any of that become worse?\n\n"
        "All settings are defaults (of news a title encoder that is trained from scratch). A base "
        "is compared with `olr`, kernels with their base and with it continued on their rows. "
        "Splits are those of `studies/scoreboard/splits.json`: MovieLens-1M at random with three "
        "age groups as domains, MovieLens-100K in order of time, Hillstrom at random, and the "
        "generated takeout and newsroom. `make scoreboard SCOREBOARD_ARGS=--check_baseline` fails "
        "where a figure has become worse than the interval of the published one allows.\n\n"
        "Expected: bases of several experts ahead of a shared bottom by little, `olr` ahead where "
        "there are histories, every base above its floor, kernels above their base on takeout and "
        "not below it elsewhere."
    ),
    experiment=scoreboard_experiment,
    settings=SCOREBOARD_SETTINGS,
    variants=tuple(_variants()),
    metrics={
        "auc": "AUC of a click",
        "log_loss": "log loss of a click",
        "mean_auc": "AUC of a click, mean over all domains",
        "calibration": "predicted over observed clicks",
    },
    seeds=(0,),
    reference=f"{SCOREBOARD_LOGS[0]}: {_FIRST[SCOREBOARD_LOGS[0]]}",
)

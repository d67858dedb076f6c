"""Study `first_hour`: a base with defaults on each log, against a floor and plain Keras."""

from studies.first_hour.first_hour_experiment import (
    DEFAULTS,
    FIRST_HOUR_RECIPES,
    FIRST_HOUR_SETTINGS,
    FLOOR,
    KERAS,
    RECIPE,
    first_hour_experiment,
    variant_name,
)
from studies.framework.logs import LOGS
from studies.framework.study import Study, Variant

FIRST_HOUR = Study(
    name="first_hour",
    title="The first hour: defaults alone",
    question=(
        "What does a base give that is trained by one command, with no setting but the data?\n\n"
        "Beside it stand the floor, a logistic regression on user, item and domain, and the same "
        "network under `fit` of Keras: Adam at its defaults, batches of 512, early stopping by the "
        "loss on the same rows, with a patience of 2 and at most 10 epochs; and, of takeout and "
        "MovieLens, a base on the same data as those train it who tuned for it (`recipes`).\n\n"
        "Expected: the base is at least .005 above the floor in AUC and below it in log loss on "
        "each log, `fit` is nowhere more than .002 ahead, and a tuned base of takeout or "
        "MovieLens-1M nowhere more than .003."
    ),
    experiment=first_hour_experiment,
    settings=FIRST_HOUR_SETTINGS,
    variants=tuple(
        Variant(
            name=variant_name(who, log),
            settings={"log": log, "who": who},
            reference=variant_name(FLOOR, log),
        )
        for log in LOGS
        for who in (FLOOR, DEFAULTS, KERAS, RECIPE)
        if who != RECIPE or log in FIRST_HOUR_RECIPES
    ),
    metrics={
        "auc": "AUC of a click",
        "log_loss": "log loss of a click",
        "calibration": "predicted over observed clicks",
    },
    seeds=(0, 1, 2),
    reference=variant_name(FLOOR, next(iter(LOGS))),
)

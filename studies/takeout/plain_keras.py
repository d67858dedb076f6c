"""Studies `plain_keras` and `plain_keras_rates`: kernels behind models not designed for them."""

from typing import Any

from studies.framework.study import Study, Variant
from studies.takeout.plain_keras_experiment import plain_keras_experiment
from studies.takeout.plain_runs import PLAIN_SETTINGS
from studies.takeout.takeout_experiment import TAKEOUT_METRICS, topic_metrics
from studies.takeout.takeout_runs import WITH_MEMORY
from tfrec_mt.evaluation.scoring import CONTROL, ZERO_SHOT

RATES = (0.05, 0.1, 0.2)
_BASES: dict[str, dict[str, Any]] = {
    "MMoE": {},
    "two towers": {"plain": "two_towers"},
    "Wide&Deep": {"plain": "wide_and_deep"},
    "DLRM": {"plain": "dlrm"},
    "DLRM, last layer": {"plain": "dlrm", "heads": "dlrm_last_layer"},
}
# The best of `RATES` for each model, from `plain_keras_rates`.
_BEST = {
    "MMoE": 0.1,
    "two towers": 0.1,
    "Wide&Deep": 0.1,
    "DLRM": 0.1,
    "DLRM, last layer": 0.2,
}
# Variants that attach kernels elsewhere behind another variant's base.
_BASE_OF = {"DLRM, last layer": "DLRM"}
_NONE = "no kernels"
_MEANS = {task: f"Lift of {what}" for task, what in TAKEOUT_METRICS.items()}
_TOPICS = {
    name: f"Lift of {what}" for name, what in topic_metrics("scene", "period", "region").items()
}

PLAIN_KERAS = Study(
    name="plain_keras",
    title="Kernels behind Keras models that were not made for them",
    question=(
        "Do kernels need a base of this package? `KerasBase` takes three plain Keras models as "
        "they are, of at most 40 lines each and trained by `fit`: two towers with a dot product, "
        "Wide&Deep, and DLRM with a top of three layers. They read users, items and the last "
        "clicks, but no topic; nor does MMoE, which also reads the times of clicks and, in "
        "training, the position. All are trained for one pass on six days, kernels of the same "
        "kind, width, batches and steps on the seventh, and their lift is measured on the eighth: "
        "AUC minus that of the frozen base.\n\n"
        "The share is the lift as a share of that behind MMoE. Expected: above 0 in every topic, "
        "and within a fifth of the lift behind MMoE. Behind DLRM kernels can attach in front of "
        "the whole top, or of its last layer alone; expected to be less there, as that layer's "
        "input is made for one score and has lost much of an item.\n\n"
        "With memory, kernels also remember ids of what the base reads, but for the user's.\n\n"
        "Each base has its own rate for kernels, chosen by `plain_keras_rates` in a world that is "
        "not measured here. Their control is the base itself, continued on the same rows in as "
        "many steps, at a rate that is chosen on held-out users. Each run also checks that rows of "
        "unknown domains get the plain model's own bits, that a mixed batch is the masked sum over "
        "domains, and that the export gives the same scores without Keras and this package."
    ),
    experiment=plain_keras_experiment,
    settings=PLAIN_SETTINGS,
    variants=(
        Variant(name=_NONE, settings={"scores": ZERO_SHOT}),
        *(
            Variant(
                name=name,
                settings={**settings, "kernel_learning_rate": _BEST[name]},
                control=f"{_BASE_OF.get(name, name)}, continued",
            )
            for name, settings in _BASES.items()
        ),
        *(
            Variant(
                name=f"{name} with memory",
                settings={**settings, **WITH_MEMORY, "kernel_learning_rate": _BEST[name]},
                control=f"{name}, continued",
            )
            for name, settings in _BASES.items()
            if name not in _BASE_OF
        ),
        *(
            Variant(name=f"{name}, continued", settings={**settings, "scores": CONTROL})
            for name, settings in _BASES.items()
            if name not in _BASE_OF
        ),
    ),
    metrics={**_MEANS, **_TOPICS},
    seeds=(0, 1, 2, 3, 4),
    reference=_NONE,
    best="MMoE",
    worst=_NONE,
)

PLAIN_KERAS_RATES = Study(
    name="plain_keras_rates",
    title="Learning rates of kernels behind Keras models that were not made for them",
    question=(
        "Which rate suits kernels behind each of the bases of `plain_keras`? Measured in another "
        "world; the best has the largest sum of both lifts.\n\n"
        "Expected: much the same for all, as kernels see knowledge at one scale."
    ),
    experiment=plain_keras_experiment,
    settings=PLAIN_SETTINGS,
    variants=tuple(
        Variant(name=f"{name} {rate:g}", settings={**settings, "kernel_learning_rate": rate})
        for name, settings in _BASES.items()
        for rate in RATES
    ),
    metrics=_MEANS,
    seeds=(10,),
    reference=f"MMoE {RATES[0]:g}",
)

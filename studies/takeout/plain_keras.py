"""Studies `plain_keras` and `plain_keras_rates`: kernels behind models not made for kernels."""

from typing import Any

from studies.framework.study import Study, Variant
from studies.takeout.plain_keras_experiment import plain_keras_experiment
from studies.takeout.plain_runs import PLAIN_SETTINGS
from studies.takeout.takeout_experiment import TAKEOUT_METRICS, topic_metrics
from tfrec_mt.evaluation.scoring import ZERO_SHOT

RATES = (0.05, 0.1, 0.2)
_BASES: dict[str, dict[str, Any]] = {
    "MMoE": {},
    "two towers": {"plain": "two_towers"},
    "Wide&Deep": {"plain": "wide_and_deep"},
    "DLRM": {"plain": "dlrm"},
    "DLRM, last layer": {"plain": "dlrm", "heads": "dlrm_last_layer"},
}
# Of `RATES` the best in `plain_keras_rates`.
_BEST = {
    "MMoE": 0.1,
    "two towers": 0.1,
    "Wide&Deep": 0.1,
    "DLRM": 0.1,
    "DLRM, last layer": 0.2,
}
_NONE = "no kernels"
_MEANS = {task: f"Lift of {what}" for task, what in TAKEOUT_METRICS.items()}
_TOPICS = {
    name: f"Lift of {what}" for name, what in topic_metrics("scene", "period", "region").items()
}
_CONTROL = {
    f"control/{task}": f"Lift of {what}, of the base continued on the kernels' rows"
    for task, what in TAKEOUT_METRICS.items()
}

PLAIN_KERAS = Study(
    name="plain_keras",
    title="Kernels behind Keras models that were not made for them",
    question=(
        "Do kernels need a base of this package? Three models as anyone would write them in plain "
        "Keras, in at most 40 lines each and trained by `fit`, are taken as they are by "
        "`KerasBase`: two towers with a dot product, Wide&Deep, and DLRM with a top of three "
        "layers. They know users, items and the last clicks, and no topic; nor does MMoE, which "
        "beside that reads what was clicked when, and while it is trained the position. All are "
        "trained for one pass on six days, kernels of the same kind, width, batches and steps on "
        "the seventh, and the eighth tells their lift: AUC less that of the frozen base.\n\n"
        "The share is the lift as a share of that behind MMoE. Expected: above 0 in every topic, "
        "and within a fifth of the lift behind MMoE. Behind DLRM kernels can attach in front of "
        "the whole top, or of its last layer alone; expected to be less there, as what is read "
        "there has been made for one score and has forgotten much of an item.\n\n"
        "Rates of kernels are each base's own, chosen in a world that is not measured here by "
        "`plain_keras_rates`. While this runs it is checked that rows of unknown domains get the "
        "plain model's own bits, that a mixed batch is the masked sum over domains, and that the "
        "export scores alike where neither Keras nor this package is."
    ),
    experiment=plain_keras_experiment,
    settings=PLAIN_SETTINGS,
    variants=(
        Variant(name=_NONE, settings={"scores": ZERO_SHOT}),
        *(
            Variant(name=name, settings={**settings, "kernel_learning_rate": _BEST[name]})
            for name, settings in _BASES.items()
        ),
    ),
    metrics={**_MEANS, **_TOPICS, **_CONTROL},
    seeds=(0, 1, 2, 3, 4),
    reference=_NONE,
    best="MMoE",
    worst=_NONE,
)

PLAIN_KERAS_RATES = Study(
    name="plain_keras_rates",
    title="Learning rates of kernels behind Keras models that were not made for them",
    question=(
        "Which rate suits kernels behind each of the bases of `plain_keras`? Asked in a world that "
        "it does not measure; the best has the largest sum of both lifts.\n\n"
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

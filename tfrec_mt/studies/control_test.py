"""Study `control_test`: the IAK paper's figure 1, kernels behind every base."""

from tfrec_mt.studies.study import Study, Variant
from tfrec_mt.studies.takeout_experiment import (
    TAKEOUT_METRICS,
    TOPIC_METRICS,
    takeout_experiment,
)
from tfrec_mt.studies.takeout_runs import TAKEOUT_SETTINGS

MODELS = {
    "SB": "shared_bottom",
    "ESMM": "esmm",
    "MMoE": "mmoe",
    "PLE": "ple",
    "OLR": "olr",
}


def _pair(name: str, model: str) -> tuple[Variant, Variant]:
    return (
        Variant(name=name, settings={"scores": "zero_shot", "model": model}),
        Variant(name=f"{name}+IAK", settings={"model": model}, reference=name),
    )


CONTROL_TEST = Study(
    name="control_test",
    title="IAK, figure 1: kernels behind every base",
    question=(
        "Do kernels make any base better, or only the one that they were made for?\n\n"
        "Each base is trained on six days without knowing a topic; its kernels see the seventh and "
        "are compared with it on the eighth. Expected: a gain behind each, of similar size, as "
        "what kernels add is what no base here knows; and the larger, the more the base's "
        "knowledge holds that its own last layer has no use for (OLR's has all embedded features)."
    ),
    experiment=takeout_experiment,
    settings=TAKEOUT_SETTINGS,
    variants=tuple(variant for name, model in MODELS.items() for variant in _pair(name, model)),
    metrics={**TAKEOUT_METRICS, **TOPIC_METRICS},
    seeds=(0, 1, 2, 3, 4),
    reference="OLR",
)

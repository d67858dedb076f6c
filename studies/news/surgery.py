"""Study `surgery`: three ways to combine the gradients of clicks and auxiliary tasks."""

from studies.framework.study import Study, Variant
from studies.news.news_experiment import NEWS_METRICS, NEWS_SETTINGS, news_experiment

SURGERY = Study(
    name="surgery",
    title="Gradient surgery: none, MTRec's and PCGrad",
    question=(
        "Do the auxiliary tasks' gradients contradict the clicks', and does projecting the "
        "contradiction away help?\n\n"
        "`mtrec` projects the clicks' gradient and the sum of the others' onto each other's normal "
        "plane, if their angle is more than 90 degrees; `pcgrad` does so with every pair of tasks "
        "(Yu et al. 2020); `none` adds them. If angles stay below 90 degrees all three "
        "are the same."
    ),
    experiment=news_experiment,
    settings=NEWS_SETTINGS,
    variants=tuple(
        Variant(name=kind, settings={"surgery": kind}) for kind in ("none", "mtrec", "pcgrad")
    ),
    metrics=NEWS_METRICS,
    seeds=(0, 1, 2),
    reference="none",
    curves=("conflict_angle", "click"),
)

"""Study `news_kernels`: what kernels of sections and devices add behind a news model."""

from studies.framework.study import Study, Variant
from studies.news.news_kernels_experiment import (
    NEWS_KERNELS_SETTINGS,
    news_kernels_experiment,
)

_BASE, _CONTINUED = "base alone", "base continued"

NEWS_KERNELS = Study(
    name="news_kernels",
    title="Kernels of sections and devices behind a news model",
    question=(
        "The base sees neither section nor device. Do kernels trained behind it on a fresh day "
        "improve each of them, and change nothing where there is nothing to find?\n\n"
        "Expected: a gain where sections and devices differ, more where they differ more, and none "
        "without a difference. (docs/newsroom.md says what they add; knowing it is worth two "
        "points of AUC to the oracle at a shift of 1.) The control is the base itself, continued "
        "on the fresh day in as many steps, at a rate that is chosen on held-out readers. Expected "
        "of it: a part of the gain, as it learns the day's titles, but below kernels, as it knows "
        "neither section nor device."
    ),
    experiment=news_kernels_experiment,
    settings=NEWS_KERNELS_SETTINGS,
    variants=(
        Variant(name=_BASE, settings={"scores": "zero_shot"}),
        Variant(name=_CONTINUED, settings={"scores": "control"}),
        Variant(
            name="with kernels",
            control=_CONTINUED,
            case="newsroom, section and device unknown to the base",
        ),
        Variant(name="oracle", settings={"scores": "oracle"}),
    ),
    metrics={
        "auc": "AUC, mean over all domains",
        "section": "AUC, mean over sections",
        "device": "AUC, mean over devices",
    },
    seeds=(0, 1, 2),
    reference=_BASE,
)

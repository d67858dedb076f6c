"""The numbers of a study: means over seeds, paired differences, shares of what is possible."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from studies.framework.run_study import Outcomes
from studies.framework.study import Study
from tfrec_mt.evaluation.estimate import LEVEL, Estimate, difference, mean, share


@dataclass(frozen=True, kw_only=True)
class Number:
    """A mean over seeds with two 95% intervals.

    Args:
      value: The mean.
      by_seeds: Interval of Student's t with seeds as the units; None for one seed.
      by_bootstrap: Percentile interval over resampled users, averaged over seeds.
    """

    value: float
    by_seeds: tuple[float, float] | None
    by_bootstrap: tuple[float | None, float | None]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One metric of one variant.

    Args:
      variant, metric: Which.
      value: The metric.
      against_reference: Paired difference to the reference; None for the reference itself.
      over_control: Paired difference to the control; None where there is none.
      share: Share of the way from the worst variant to the best; None if there are none.
      published: The paper's figure, if it has one.
    """

    variant: str
    metric: str
    value: Number
    against_reference: Number | None
    over_control: Number | None
    share: Number | None
    published: float | None


def study_table(study: Study, outcomes: Outcomes) -> list[Line]:
    """Lines by metric, then by variant; metrics that a variant lacks are left out."""
    lines = []
    for metric in study.metrics:
        found = {
            name: [outcome.estimates[metric] for outcome in seeds.values()]
            for name, seeds in outcomes.items()
            if all(metric in outcome.estimates for outcome in seeds.values())
        }
        best, worst = found.get(study.best or ""), found.get(study.worst or "")
        for variant in study.variants:
            estimates = found.get(variant.name)
            if estimates is None:
                continue
            named = study.reference_of(variant)
            reference = found.get(named) if variant.name != named else None
            lines.append(
                Line(
                    variant=variant.name,
                    metric=metric,
                    value=number(estimates),
                    against_reference=_paired(estimates, reference),
                    over_control=_paired(estimates, found.get(variant.control or "")),
                    share=_share(estimates, worst, best),
                    published=variant.published.get(metric),
                )
            )
    return lines


def number(estimates: Sequence[Estimate]) -> Number:
    """Mean and intervals over seeds, from one estimate per seed."""
    overall = mean(estimates, "seeds")
    by_seeds = over_seeds([estimate.value for estimate in estimates])
    return Number(value=overall.value, by_seeds=by_seeds, by_bootstrap=overall.interval())


def over_seeds(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95% interval of Student's t around the mean; None for one seed."""
    if len(values) < 2:
        return None
    middle = float(np.mean(values))
    error = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * stats.sem(values))
    return middle - error, middle + error


def interval_of(number: Number) -> tuple[float | None, float | None]:
    """Ends of the interval that decides significance: over seeds, or over users for one seed."""
    return number.by_seeds or number.by_bootstrap


def _paired(estimates: Sequence[Estimate], reference: Sequence[Estimate] | None) -> Number | None:
    if reference is None:
        return None
    return number([difference(a, b) for a, b in zip(estimates, reference, strict=True)])


def _share(
    estimates: Sequence[Estimate],
    worst: Sequence[Estimate] | None,
    best: Sequence[Estimate] | None,
) -> Number | None:
    if worst is None or best is None:
        return None
    shares = [share(a, low, top) for a, low, top in zip(estimates, worst, best, strict=True)]
    return number(shares) if np.isfinite([s.value for s in shares]).all() else None

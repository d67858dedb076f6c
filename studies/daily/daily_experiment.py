"""Study experiment: models that follow fourteen days, each scored on the next day."""

from pathlib import Path

import tfrec_mt as mt
from studies.daily.daily_runs import SINCE, Days, Followed
from studies.framework.study import Curve, Outcome, Settings
from studies.takeout.takeout_experiment import TASK_METRICS
from tfrec_mt.evaluation.cells import ALL, Cell
from tfrec_mt.evaluation.estimate import Estimate, mean
from tfrec_mt.evaluation.scoring import ADAPTED, ALL_KERNELS, ZERO_SHOT

DAILY_METRICS = {
    **{task: f"{what}, mean over days and domains" for task, what in TASK_METRICS.items()},
    **{f"{task}/worst": f"{what}, the worst domain" for task, what in TASK_METRICS.items()},
    "ctr/overall": "AUC of a click over all rows, mean over days",
    "ctr/last": "AUC of a click on the last day, mean over domains",
    "ctr/day1": "AUC of a click, rows of users whom the first day has seen",
    "ctr/later": "AUC of a click, rows of users who came later",
}


def _curves_of(what: str) -> tuple[str, str]:
    return f"{what} by day", f"{what}, the worst domain by day"


DAILY_CURVES = tuple(name for what in TASK_METRICS.values() for name in _curves_of(what))


def daily_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Follows the days after the first ones, and measures on the day after each.

    Estimates are those of `DAILY_METRICS`; curves are `DAILY_CURVES`.

    Args:
      settings: `DAILY` and `seed`.
      folder: Takes bases and kernels; an interrupted run is resumed.
      shared: Takes the world and its days.
    """
    days = Days(settings, shared)
    model = Followed(settings, folder, days)
    cells = [
        Cell(topic.name, domain)
        for topic in days.schema.topics
        for domain in topic.domains
        if topic != SINCE
    ]
    found: dict[str, list[Estimate]] = {}
    curves: dict[str, Curve] = {name: [] for name in DAILY_CURVES}
    rows = 0
    for day in range(settings["first_days"] + 1, settings["days"]):
        rows += model.follow(day)
        table = mt.evaluate(
            model.kernels or model.base,
            model.tested_on(day + 1),
            base=model.base if model.kernels else None,
            part="fresh",
        ).scores
        # of a topic's rows, with its own kernels alone or with those of all topics
        in_topics, overall = (ALL_KERNELS, ADAPTED) if model.kernels else (ZERO_SHOT, ZERO_SHOT)
        for task, what in TASK_METRICS.items():
            of_cells = [table.estimate(in_topics, task, cell, "auc") for cell in cells]
            for cell, estimate in zip(cells, of_cells, strict=True):
                found.setdefault(f"{task}/{cell.topic}/{cell.domain}", []).append(estimate)
            found.setdefault(task, []).append(mean(of_cells))
            of_day = (found[task][-1].value, min(estimate.value for estimate in of_cells))
            for name, value in zip(_curves_of(what), of_day, strict=True):
                curves[name].append((float(day + 1), value))
        rows_of = {"overall": (overall, Cell(ALL, ALL))}
        rows_of |= {name: (in_topics, Cell(SINCE.name, name)) for name in SINCE.domains}
        for name, (scores, cell) in rows_of.items():
            estimate = table.estimate(scores, "ctr", cell, "auc")
            found.setdefault(f"ctr/{name}", []).append(estimate)
    estimates = {name: mean(values, "days") for name, values in found.items()}
    estimates["ctr/last"] = found["ctr"][-1]
    for task in TASK_METRICS:
        of_domains = [estimates[f"{task}/{cell.topic}/{cell.domain}"] for cell in cells]
        estimates[f"{task}/worst"] = min(of_domains, key=lambda estimate: estimate.value)
    followed = settings["days"] - settings["first_days"] - 1
    return Outcome(
        estimates=estimates, facts={"rows learned from a day": rows / followed}, curves=curves
    )

"""Study experiment: kernels carried to a base trained anew, against kernels trained behind it."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tfrec_mt as mt
from studies.daily.daily_runs import BASE, LEARNING_RATE, SINCE, TOPICS, WORLD, Days, begun
from studies.framework.study import Outcome, Settings
from studies.takeout.takeout_experiment import TASK_METRICS, domain_means
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.evaluation.cells import Cell
from tfrec_mt.evaluation.estimate import Estimate, share
from tfrec_mt.evaluation.scoring import ALL_KERNELS, ZERO_SHOT
from tfrec_mt.storage.names import KERNELS, MODEL

NONE, TRAINED, CARRIED = "none", "trained", "carried"
# Of each base's main net.
UNITS, OTHER_UNITS = [128, 64], [96, 48]
# Base and kernels learn from the first six days and the seventh; the eighth is for tests.
EIGHT_DAYS: Settings = {**WORLD, "rows": 1_200_000, "days": 8, "churn": 0.0}
CARRIED_SETTINGS: Settings = {
    **EIGHT_DAYS,
    "units": UNITS,
    "memory": True,
    "kernels": NONE,
}
CARRIED_METRICS = {
    **{task: f"{what}, mean over all domains" for task, what in TASK_METRICS.items()},
    **{
        f"{task}/kept": f"Share of what kernels trained behind the base bring, {what}"
        for task, what in TASK_METRICS.items()
    },
}


def carried_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Measures a base trained anew, alone, with its own kernels, or with those of another base.

    Estimates are those of `CARRIED_METRICS`; shares are of carried kernels alone.

    Args:
      settings: `CARRIED_SETTINGS` and `seed`. `units` are those of the base trained anew.
      folder: Takes the carried kernels.
      shared: Takes the world, bases and their own kernels.
    """
    days, seed = Days(settings, shared), settings["seed"]
    data, fresh, test = eight_days(days)
    anew = base_of(days, data, seed + 1_000, settings["units"])
    scores = _scores(days, anew, None, test)
    if settings["kernels"] == NONE:
        return Outcome(estimates=scores)
    own, seconds = _kernels(days, anew, fresh, settings)
    trained = _scores(days, anew, own, test)
    if settings["kernels"] == TRAINED:
        return Outcome(estimates=trained, facts={"seconds": seconds})
    earlier, _ = _kernels(days, base_of(days, data, seed, UNITS), fresh, settings)
    started = time.monotonic()
    kernels = begun(
        folder / "carried",
        KERNELS,
        lambda: mt.carry_kernels(earlier, anew, fresh, folder / "carried"),
    )
    seconds = time.monotonic() - started
    carried = _scores(days, anew, kernels, test)
    kept = {
        f"{task}/kept": share(carried[task], scores[task], trained[task]) for task in TASK_METRICS
    }
    return Outcome(estimates=carried | kept, facts={"seconds": seconds})


def eight_days(days: Days) -> tuple[PreparedDataset, PreparedDataset, PreparedDataset]:
    """Rows of a base, of its kernels and of tests."""
    data = days.first("train:1")
    fresh = days.as_of(7, data, "whole")
    return data, fresh, days.as_of(8, fresh, "whole")


def base_of(days: Days, data: PreparedDataset, seed: int, units: Sequence[int]) -> Path:
    """A base's run folder, trained unless it is there."""
    path = days.folder / f"base{seed},{','.join(map(str, units))}"
    told: dict[str, Any] = {**BASE, "learning_rate": LEARNING_RATE, "units": tuple(units)}
    return begun(path, MODEL, lambda: mt.pretrain(data, path, seed=seed, **told))


def _kernels(
    days: Days, base: Path, fresh: PreparedDataset, settings: Settings
) -> tuple[Path, float]:
    """Kernels of all topics, trained behind a base unless they are there, and the time it took."""
    path = days.folder / f"kernels,{base.name},{settings['memory']}"
    told: dict[str, Any] = {} if settings["memory"] else {"memory": ()}
    started = time.monotonic()
    begun(
        path,
        KERNELS,
        lambda: mt.fine_tune(
            base, fresh, path, topics=TOPICS, epochs=1, seed=settings["seed"], **told
        ),
    )
    return path, time.monotonic() - started


def _scores(
    days: Days, base: Path, kernels: Path | None, test: PreparedDataset
) -> dict[str, Estimate]:
    """AUC of each domain, and their means."""
    table = mt.evaluate(kernels or base, test, base=base if kernels else None, part="fresh").scores
    model = ALL_KERNELS if kernels else ZERO_SHOT
    topics = tuple(topic for topic in days.schema.topics if topic != SINCE)
    of_cells = {
        f"{task}/{topic.name}/{domain}": table.estimate(
            model, task, Cell(topic.name, domain), "auc"
        )
        for task in TASK_METRICS
        for topic in topics
        for domain in topic.domains
    }
    return domain_means(replace(days.schema, topics=topics), of_cells)

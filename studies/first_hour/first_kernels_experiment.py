"""Study experiment: kernels with defaults on a log, their base, and the base continued."""

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tfrec_mt as mt
from studies.framework.logs import prepared_log
from studies.framework.study import Outcome, Settings, folder_of
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.evaluation.cells import ALL, ORACLE, UNKNOWN, Cell
from tfrec_mt.evaluation.estimate import Estimate, difference, mean
from tfrec_mt.evaluation.metric_table import MetricTable
from tfrec_mt.evaluation.scoring import ADAPTED, ALL_KERNELS, CONTROL, ZERO_SHOT
from tfrec_mt.evaluation.unknown_ids import UnknownIds
from tfrec_mt.jobs.control import control_facts
from tfrec_mt.storage.names import KERNELS, MODEL

BASE, CONTINUED, TRUTH = "base", "continued", "the truth"
# Kinds of kernels by name, with the settings that differ from the defaults.
KINDS: Mapping[str, Mapping[str, Any]] = {
    "kernels": {},
    "kernels without memory": {"memory": ()},
    "memory alone": {"adapter": "memory"},
    "kernels kept at one standard error": {"certainty": 1.0},
    "kernels without slopes of users": {"memory_axes": 0},
    "kernels with half the axes": {"memory_axes": 16},
}
TOPICS_UNKNOWN: Settings = {"topics_known": False}
_CALIBRATION = "calibration"
_METRICS = ("auc", "log_loss", _CALIBRATION)
FIRST_KERNELS_SETTINGS: Settings = {"log": "takeout 50k", "topics_known": True, "who": BASE}


def first_kernels_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Trains a base on the first part of a log, kernels on the second; measures on the last.

    Estimates are AUC, log loss and calibration of a click over all rows, calibration over the rows
    of users and of items that no training row had, and the mean AUC over all domains.

    Args:
      settings: `FIRST_KERNELS_SETTINGS` and `seed`. `who` is measured: the base, the base
        continued on the kernels' rows, some of `KINDS`, or the truth of a generated log.
      folder: Takes the kernels.
      shared: Takes the data, bases and their controls.

    Raises:
      SchemaError: An unknown log, or `$TFREC_MT_DATA` is not set.
    """
    who, log = settings["who"], prepared_log(settings, shared)
    runs = shared / folder_of(settings, ("log", "topics_known"))
    base, control, kernels = runs / "base", runs / "control", folder / "kernels"
    seed: int = settings["seed"]
    if not (base / MODEL).exists():
        told: dict[str, Any] = {} if settings["topics_known"] else {"base_topics": ()}
        mt.pretrain(log, base, seed=seed, **told)
    if who in (BASE, TRUTH):
        return _measured(mt.evaluate(base, log).scores, log, ZERO_SHOT if who == BASE else ORACLE)
    started = time.monotonic()
    if not (kernels / KERNELS).exists():
        mt.fine_tune(base, log, kernels, seed=seed, **KINDS.get(who, {}))
    facts = {"minutes": (time.monotonic() - started) / 60}
    if not (control / MODEL).exists():
        mt.train_control(kernels, control)
    evaluation = mt.evaluate(kernels, log, control=control)
    if who == CONTINUED:
        return _measured(evaluation.scores, log, CONTROL, control_facts(control))
    model = ALL_KERNELS if evaluation.roles.together else ADAPTED
    return _measured(evaluation.scores, log, model, facts | _domains(evaluation.scores, log, model))


def _measured(
    table: MetricTable, log: PreparedDataset, model: str, facts: Mapping[str, float] | None = None
) -> Outcome:
    facts = {**(facts or {}), **_calibrations(table, log, model)}
    return Outcome(estimates=_estimates(table, log, model), facts=facts)


def _estimates(table: MetricTable, log: PreparedDataset, model: str) -> dict[str, Estimate]:
    task, everywhere = log.schema.task_names[0], Cell(ALL, ALL)
    over_all = ADAPTED if model == ALL_KERNELS else model
    found = {name: table.estimate(over_all, task, everywhere, name) for name in _METRICS}
    found["mean_auc"] = mean([table.estimate(model, task, cell, "auc") for cell in _cells(log)])
    for topic in UnknownIds(log.schema).topics:
        estimate = table.estimate(over_all, task, Cell(topic, UNKNOWN), _CALIBRATION)
        if math.isfinite(estimate.value):
            users = topic.startswith(f"{log.schema.keys.user}/")
            found["unknown_users" if users else "unknown_items"] = estimate
    return found


def _calibrations(table: MetricTable, log: PreparedDataset, model: str) -> dict[str, float]:
    """The lowest and the highest calibration of a domain."""
    task = log.schema.task_names[0]
    found = [table.estimate(model, task, cell, _CALIBRATION).value for cell in _cells(log)]
    return {"least calibration of a domain": min(found), "most": max(found)}


def _domains(table: MetricTable, log: PreparedDataset, model: str) -> dict[str, float]:
    """Numbers of domains in which kernels are above or below their base and their control."""
    task, cells = log.schema.task_names[0], [*_cells(log)]
    found: dict[str, float] = {"domains": len(cells)}
    for other, name in ((ZERO_SHOT, "base"), (CONTROL, "control")):
        over = [
            difference(*(table.estimate(one, task, cell, "auc") for one in (model, other)))
            for cell in cells
        ]
        ends = [one.interval() for one in over]
        found[f"above the {name}"] = sum(one.value > 0 for one in over)
        found[f"above the {name} by interval"] = sum(bool(low and low > 0) for low, _ in ends)
        found[f"below the {name} by interval"] = sum(bool(high and high < 0) for _, high in ends)
    return found


def _cells(log: PreparedDataset) -> Iterator[Cell]:
    for topic in log.schema.topics:
        for domain in topic.domains:
            yield Cell(topic.name, domain)

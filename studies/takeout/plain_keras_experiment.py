"""Study experiment: kernels behind models that were not designed for kernels."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import tfrec_mt as mt
from studies.framework.study import Outcome, Settings
from studies.takeout.plain_checks import check_exactness
from studies.takeout.plain_runs import (
    USER,
    plain_attached,
    plain_control,
    plain_control_run,
    plain_kernels,
    plain_rows,
)
from studies.takeout.takeout_experiment import TASK_METRICS, domain_means
from studies.takeout.takeout_runs import (
    takeout_base,
    takeout_control,
    takeout_data,
    takeout_kernels,
)
from tfrec_mt.configs import EvaluateConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.evaluation.cells import ALL, Cell
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate, difference
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.scoring import CONTROL, ZERO_SHOT
from tfrec_mt.jobs.control import control_facts
from tfrec_mt.jobs.evaluate import run_evaluate
from tfrec_mt.schema import Schema

_CHECKED_ROWS = 2_000


def plain_keras_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Trains a base on six days, kernels or a control on the seventh, measures on the eighth.

    Estimates are lifts of AUC over the frozen base: `task/topic/domain`, and the plain means over a
    topic's domains (`task/topic`) and over all domains (`task`). `scores` selects whose lifts are
    measured: those of kernels (`adapted`) or of the base continued on their rows (`control`).

    Args:
      settings: `PLAIN_SETTINGS` and `seed`, of the world as of the training.
      folder: Takes kernels; an interrupted run is resumed.
      shared: Takes worlds, bases and controls.

    Raises:
      NotExactError: See `check_exactness`; of plain models.
    """
    dataset, scores = takeout_data(settings, shared), settings["scores"]
    if scores == ZERO_SHOT:
        return Outcome(estimates=_no_lifts(dataset.schema))
    run = _of_plain if settings["plain"] else _of_catalog
    report, facts = run(settings, dataset, folder, shared)
    for task, what in TASK_METRICS.items():
        facts[f"{what}, base"] = report.scores.estimate(
            ZERO_SHOT, task, Cell(ALL, ALL), "auc"
        ).value
    return Outcome(estimates=_lifts(report, dataset.schema, scores), facts=facts)


def _of_plain(
    settings: Settings, dataset: PreparedDataset, folder: Path, shared: Path
) -> tuple[Evaluation, dict[str, float]]:
    features, labels = plain_rows(dataset, dataset.parts[-1])
    if settings["scores"] == CONTROL:
        control = plain_control(settings, shared)
        base = plain_attached(settings, shared)
        report = mt.evaluate(base, (features, labels), user=USER, control=control)
        return report, control_facts(plain_control_run(settings, shared))
    adapted = plain_kernels(settings, folder / "kernels", shared)
    report = mt.evaluate(adapted, (features, labels), user=USER)
    exact = check_exactness(adapted, {n: x[:_CHECKED_ROWS] for n, x in features.items()})
    return report, exact


def _of_catalog(
    settings: Settings, dataset: PreparedDataset, folder: Path, shared: Path
) -> tuple[Evaluation, dict[str, float]]:
    config = EvaluateConfig(data=dataset.path, base=takeout_base(settings, shared))
    if settings["scores"] == CONTROL:
        control = takeout_control(settings, shared)
        return run_evaluate(dataclasses.replace(config, control=control)), control_facts(control)
    kernels = takeout_kernels(settings, folder / "kernels", shared)
    return run_evaluate(dataclasses.replace(config, kernels=kernels)), {}


def _lifts(report: Evaluation, schema: Schema, model: str) -> dict[str, Estimate]:
    of_cells = {
        _name(task, cell): difference(
            *(report.scores.estimate(m, task, cell, "auc") for m in (model, ZERO_SHOT))
        )
        for task, cell in _cells(schema)
    }
    return domain_means(schema, of_cells)


def _no_lifts(schema: Schema) -> dict[str, Estimate]:
    """The lifts of a base over itself: zero."""
    none = Estimate(0.0, np.zeros(len(ClusterBootstrap().weights)))
    return domain_means(schema, {_name(task, cell): none for task, cell in _cells(schema)})


def _cells(schema: Schema) -> Iterator[tuple[str, Cell]]:
    for task in schema.task_names:
        for topic in schema.topics:
            yield from ((task, Cell(topic.name, domain)) for domain in topic.domains)


def _name(task: str, cell: Cell) -> str:
    return f"{task}/{cell.topic}/{cell.domain}"

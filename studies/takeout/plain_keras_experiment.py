"""An experiment of studies: kernels behind models that nobody designed for kernels."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

import tfrec_mt as mt
from studies.framework.study import Outcome, Settings
from studies.takeout.plain_checks import check_exactness
from studies.takeout.plain_runs import (
    BATCH,
    USER,
    plain_control,
    plain_kernels,
    plain_rows,
)
from studies.takeout.takeout_experiment import TASK_METRICS, domain_means
from studies.takeout.takeout_runs import takeout_base, takeout_data, takeout_kernels
from tfrec_mt.configs import EvaluateConfig, PretrainConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.evaluation.cells import ALL, Cell
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.estimate import Estimate, difference
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.evaluation.scoring import ADAPTED, CONTROL, ZERO_SHOT
from tfrec_mt.jobs.evaluate import run_evaluate
from tfrec_mt.jobs.pretrain import run_pretrain
from tfrec_mt.schema import Schema
from tfrec_mt.storage.names import MODEL

_CHECKED_ROWS = 2_000
_LIFTS = {ADAPTED: "", CONTROL: "control/"}


def plain_keras_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Trains a base on six days, kernels and a control on the seventh, measures on the eighth.

    Estimates are lifts of AUC over the frozen base: `task/topic/domain`, `task/topic` and `task`,
    the plain means over a topic's domains and over all, and with `control/` in front those of the
    base that was continued on the kernels' rows.

    Args:
      settings: `PLAIN_SETTINGS` and `seed`, of the world as of the training.
      folder: Takes kernels and the catalog's control; an interrupted run is resumed.
      shared: Takes worlds and bases.

    Raises:
      NotExactError: See `check_exactness`; of plain models.
    """
    dataset = takeout_data(settings, shared)
    if settings["scores"] == ZERO_SHOT:
        return Outcome(estimates=_no_lifts(dataset.schema))
    facts: dict[str, float] = {}
    if settings["plain"]:
        features, labels = plain_rows(dataset, dataset.parts[-1])
        adapted = plain_kernels(settings, folder / "kernels", shared)
        control = plain_control(settings, shared)
        report = mt.evaluate(adapted, (features, labels), user=USER, control=control)
        facts = check_exactness(adapted, {n: x[:_CHECKED_ROWS] for n, x in features.items()})
    else:
        report = _of_catalog(settings, dataset, folder, shared)
    for task, what in TASK_METRICS.items():
        facts[f"{what}, base"] = report.scores.estimate(
            ZERO_SHOT, task, Cell(ALL, ALL), "auc"
        ).value
    return Outcome(estimates=_lifts(report, dataset.schema), facts=facts)


def _of_catalog(
    settings: Settings, dataset: PreparedDataset, folder: Path, shared: Path
) -> Evaluation:
    base = takeout_base(settings, shared)
    kernels = takeout_kernels(settings, folder / "kernels", shared)
    control = folder / "control"
    if not (control / MODEL).exists():
        run_pretrain(
            PretrainConfig(
                data=dataset.path,
                output=control,
                parts=tuple(settings["kernel_parts"]),
                init_from=base,
                optimizer="lazy_adam",
                learning_rate=settings["control_learning_rate"],
                rate_schedule="linear",
                train=TrainConfig(batch_size=BATCH, seed=settings["seed"]),
            ),
            label="control",
        )
    return run_evaluate(
        EvaluateConfig(data=dataset.path, base=base, kernels=kernels, control=control)
    )


def _lifts(report: Evaluation, schema: Schema) -> dict[str, Estimate]:
    found: dict[str, Estimate] = {}
    for model, prefix in _LIFTS.items():
        of_cells = {
            _name(task, cell): difference(
                *(report.scores.estimate(m, task, cell, "auc") for m in (model, ZERO_SHOT))
            )
            for task, cell in _cells(schema)
        }
        means = domain_means(schema, of_cells)
        found |= {f"{prefix}{name}": estimate for name, estimate in means.items()}
    return found


def _no_lifts(schema: Schema) -> dict[str, Estimate]:
    """Those of a base over itself."""
    none = Estimate(0.0, np.zeros(len(ClusterBootstrap().weights)))
    means = domain_means(schema, {_name(task, cell): none for task, cell in _cells(schema)})
    return {f"{prefix}{name}": none for prefix in _LIFTS.values() for name in means}


def _cells(schema: Schema) -> Iterator[tuple[str, Cell]]:
    for task in schema.task_names:
        for topic in schema.topics:
            yield from ((task, Cell(topic.name, domain)) for domain in topic.domains)


def _name(task: str, cell: Cell) -> str:
    return f"{task}/{cell.topic}/{cell.domain}"

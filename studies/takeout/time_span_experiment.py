"""Study experiment: kernels trained on more or fewer days, and users new to them."""

from pathlib import Path

from studies.framework.study import Outcome, Settings
from studies.takeout.takeout_experiment import TAKEOUT_METRICS, TASK_METRICS
from studies.takeout.takeout_runs import (
    takeout_base,
    takeout_control,
    takeout_data,
    takeout_kernels,
)
from tfrec_mt.configs import EvaluateConfig
from tfrec_mt.evaluation.cells import Cell
from tfrec_mt.evaluation.estimate import Estimate, difference, mean
from tfrec_mt.evaluation.familiar_users import NEW, SEEN
from tfrec_mt.evaluation.metric_table import MetricTable
from tfrec_mt.evaluation.scoring import ADAPTED, CONTROL, ZERO_SHOT
from tfrec_mt.jobs.control import control_facts
from tfrec_mt.jobs.evaluate import run_evaluate

_USERS = {
    SEEN: "users who had rows of the domain on these days",
    NEW: "users who had none",
}
TIME_SPAN_METRICS = {
    **TAKEOUT_METRICS,
    **{
        f"{task}/{kind}": f"{what}: what is added to the base for {users}"
        for task, what in TASK_METRICS.items()
        for kind, users in _USERS.items()
    },
}


def time_span_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Trains on `kernel_parts`, measures on users who had rows of a domain there, and on others.

    Estimates are those of `TIME_SPAN_METRICS`. A domain in which one kind of users has no positive
    row is left out of that kind's mean. Kinds of users are measured for kernels and their control
    only.

    Args:
      settings: See `takeout_experiment`.
      folder: Takes the kernels; an interrupted run is resumed.
      shared: Takes worlds, bases and controls.
    """
    dataset = takeout_data(settings, shared)
    base = takeout_base(settings, shared)
    parts, scores = tuple(settings["kernel_parts"]), settings["scores"]
    kernels, control, facts = None, None, dict[str, float]()
    if scores == ADAPTED:
        kernels = takeout_kernels(settings, folder, shared)
    elif scores == CONTROL:
        control = takeout_control(settings, shared)
        facts |= control_facts(control)
    learned = scores in (ADAPTED, CONTROL)
    if learned:
        facts["rows learned from"] = sum(dataset.rows(part) for part in parts)
    config = EvaluateConfig(
        data=dataset.path,
        base=base,
        kernels=kernels,
        control=control,
        seen_in=parts if learned else (),
    )
    table = run_evaluate(config).scores
    cells = [Cell(t.name, domain) for t in dataset.schema.topics for domain in t.domains]
    estimates: dict[str, Estimate] = {}
    for task in dataset.schema.task_names:
        of_cells = [table.estimate(scores, task, cell, "auc") for cell in cells]
        estimates[task] = mean(of_cells)
        for kind in _USERS if learned else ():
            twins = [Cell(f"{cell.topic}/{kind}", cell.domain) for cell in cells]
            estimates[f"{task}/{kind}"] = mean([_lift(table, scores, task, t) for t in twins])
    return Outcome(estimates=estimates, facts=facts)


def _lift(table: MetricTable, scores: str, task: str, cell: Cell) -> Estimate:
    learned, alone = (table.estimate(model, task, cell, "auc") for model in (scores, ZERO_SHOT))
    return difference(learned, alone)

"""An experiment of studies: kernels on more or fewer days, and users new to them."""

from pathlib import Path

from studies.framework.study import Outcome, Settings
from studies.takeout.takeout_experiment import TAKEOUT_METRICS, TASK_METRICS
from studies.takeout.takeout_runs import takeout_base, takeout_data, takeout_kernels
from tfrec_mt.configs import EvaluateConfig
from tfrec_mt.evaluation.cells import Cell
from tfrec_mt.evaluation.estimate import Estimate, difference, mean
from tfrec_mt.evaluation.familiar_users import NEW, SEEN
from tfrec_mt.evaluation.metric_table import MetricTable
from tfrec_mt.evaluation.scoring import ADAPTED, ZERO_SHOT
from tfrec_mt.jobs.evaluate import run_evaluate

_USERS = {
    SEEN: "users the kernel has seen in the domain",
    NEW: "users new to the kernel",
}
TIME_SPAN_METRICS = {
    **TAKEOUT_METRICS,
    **{
        f"{task}/{kind}": f"{what}: what kernels add for {users}"
        for task, what in TASK_METRICS.items()
        for kind, users in _USERS.items()
    },
}


def time_span_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Trains kernels on `kernel_parts`, measures them on users who had rows there, and on others.

    Estimates are of `TIME_SPAN_METRICS`; a domain in which one kind has no positive row is left
    out of that kind's mean.

    Args:
      settings: See `takeout_experiment`.
      folder: Takes the kernels; an interrupted run is resumed.
      shared: Takes worlds and bases.
    """
    dataset = takeout_data(settings, shared)
    base = takeout_base(settings, shared)
    parts = tuple(settings["kernel_parts"])
    adapted = settings["scores"] == ADAPTED
    config = EvaluateConfig(
        data=dataset.path,
        base=base,
        kernels=takeout_kernels(settings, folder, shared) if adapted else None,
        seen_in=parts if adapted else (),
    )
    table = run_evaluate(config).scores
    cells = [Cell(t.name, domain) for t in dataset.schema.topics for domain in t.domains]
    estimates: dict[str, Estimate] = {}
    for task in dataset.schema.task_names:
        of_cells = [table.estimate(settings["scores"], task, cell, "auc") for cell in cells]
        estimates[task] = mean(of_cells)
        for kind in _USERS if adapted else ():
            twins = [Cell(f"{cell.topic}/{kind}", cell.domain) for cell in cells]
            estimates[f"{task}/{kind}"] = mean([_lift(table, task, cell) for cell in twins])
    facts = {"rows of kernels": sum(dataset.rows(part) for part in parts)} if adapted else {}
    return Outcome(estimates=estimates, facts=facts)


def _lift(table: MetricTable, task: str, cell: Cell) -> Estimate:
    with_kernels, alone = (table.estimate(m, task, cell, "auc") for m in (ADAPTED, ZERO_SHOT))
    return difference(with_kernels, alone)

"""Study experiment: kernels behind a base on a generated takeout world."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from studies.framework.study import Outcome, Settings
from studies.takeout.full_fine_tuning import FULL, full_fine_tuning
from studies.takeout.takeout_runs import (
    takeout_base,
    takeout_control,
    takeout_data,
    takeout_kernels,
)
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.configs import EvaluateConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.evaluation.cells import Cell
from tfrec_mt.evaluation.estimate import Estimate, mean
from tfrec_mt.evaluation.scoring import ADAPTED, CONTROL, ZERO_SHOT
from tfrec_mt.jobs.control import control_facts
from tfrec_mt.jobs.evaluate import run_evaluate
from tfrec_mt.models.model_store import load_model
from tfrec_mt.models.weight_count import count_weights
from tfrec_mt.schema import Schema
from tfrec_mt.training.run_folder import kernels_behind, model_folder

TASK_METRICS = {"ctr": "AUC of a click", "ctcvr": "AUC of click and order"}
TAKEOUT_METRICS = {task: f"{what}, mean over all domains" for task, what in TASK_METRICS.items()}


def topic_metrics(*topics: str) -> dict[str, str]:
    """Metrics averaged over the domains of some topics, and their captions on a page."""
    return {
        f"{task}/{topic}": f"{what}, mean over the domains of {topic}"
        for task, what in TASK_METRICS.items()
        for topic in topics
    }


TOPIC_METRICS = topic_metrics("scene", "period", "region")


def takeout_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Pre-trains on six days, trains kernels on the seventh, measures on the eighth.

    Estimates are those of `TAKEOUT_METRICS`, `topic_metrics` of all topics, and one per domain,
    `task/topic/domain`.

    Args:
      settings: `TAKEOUT_SETTINGS` and `seed`, of the world as of the training.
      folder: Takes the kernels; an interrupted run is resumed.
      shared: Takes worlds and bases.
    """
    dataset = takeout_data(settings, shared)
    if settings["scores"] == FULL:
        copies = full_fine_tuning(settings, folder, shared)
        of_cells, facts = copies.estimates, dict(copies.facts)
    else:
        of_cells, facts = _of_base(settings, dataset, folder, shared)
    return Outcome(estimates=domain_means(dataset.schema, of_cells), facts=facts)


def _of_base(
    settings: Settings, dataset: PreparedDataset, folder: Path, shared: Path
) -> tuple[dict[str, Estimate], dict[str, float]]:
    """AUC of each domain by `task/topic/domain`, and further numbers."""
    base = takeout_base(settings, shared)
    kernels, control, facts = None, None, dict[str, float]()
    model = load_model(model_folder(base), dataset)
    if settings["scores"] in (ADAPTED, ZERO_SHOT):
        facts["weights"] = count_weights(model)[1]
    if settings["scores"] == ADAPTED:
        started = time.monotonic()
        kernels = takeout_kernels(settings, folder, shared)
        facts["minutes of kernels"] = (time.monotonic() - started) / 60
        layers = kernels_behind(model, kernels)
        facts["weights of a kernel"] = layers[0].trained_weights_of_one
        if settings["memory"]:
            facts["remembered ids"] = remembered_ids(layers)
    if settings["scores"] == CONTROL:
        control = takeout_control(settings, shared)
        facts |= control_facts(control)
    config = EvaluateConfig(data=dataset.path, base=base, kernels=kernels, control=control)
    table = run_evaluate(config).scores
    of_cells = {
        f"{task}/{topic.name}/{domain}": table.estimate(
            settings["scores"], task, Cell(topic.name, domain), "auc"
        )
        for task in dataset.schema.task_names
        for topic in dataset.schema.topics
        for domain in topic.domains
    }
    return of_cells, facts


def remembered_ids(kernels: Sequence[DomainKernels]) -> int:
    """Number of ids, and of domains themselves, for which kernels remember an offset."""
    return sum(len(layer.memory) for layer in kernels if layer.memory is not None)


def domain_means(schema: Schema, of_cells: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Each domain's estimate, and the means over each topic's domains and over all."""
    found: dict[str, Estimate] = {}
    for task in schema.task_names:
        mine = {name: one for name, one in of_cells.items() if name.startswith(f"{task}/")}
        for topic in schema.topics:
            names = [f"{task}/{topic.name}/{domain}" for domain in topic.domains]
            found[f"{task}/{topic.name}"] = mean([mine[name] for name in names])
        found |= {task: mean(list(mine.values())), **mine}
    return found

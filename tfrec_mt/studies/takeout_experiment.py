"""An experiment of studies: kernels behind a base on a generated takeout world."""

import time
from pathlib import Path

from tfrec_mt.evaluation.cells import Cell
from tfrec_mt.evaluation.estimate import Estimate, mean
from tfrec_mt.evaluation.evaluate import ADAPTED, ZERO_SHOT, EvaluateConfig, evaluate
from tfrec_mt.models.model_store import load_model
from tfrec_mt.models.weight_count import count_weights
from tfrec_mt.studies.study import Outcome, Settings
from tfrec_mt.studies.takeout_runs import takeout_base, takeout_data, takeout_kernels
from tfrec_mt.training.pretrain import MODEL

_WHAT = {"ctr": "AUC of a click", "ctcvr": "AUC of click and order"}
TAKEOUT_METRICS = {task: f"{what}, mean over all domains" for task, what in _WHAT.items()}


def topic_metrics(*topics: str) -> dict[str, str]:
    """Metrics of the mean over some topics' domains, and what a page calls them."""
    return {
        f"{task}/{topic}": f"{what}, mean over the domains of {topic}"
        for task, what in _WHAT.items()
        for topic in topics
    }


TOPIC_METRICS = topic_metrics("scene", "period", "region")


def takeout_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Pre-trains on six days, trains kernels on the seventh, measures on the eighth.

    Estimates are of `TAKEOUT_METRICS`, `topic_metrics` of all topics, and of each domain by
    `task/topic/domain`.

    Args:
      settings: `TAKEOUT_SETTINGS` and `seed`, of the world as of the training.
      folder: Takes the kernels; a run that was stopped goes on.
      shared: Takes worlds and bases.
    """
    dataset = takeout_data(settings, shared)
    base = takeout_base(settings, shared)
    kernels, facts = None, dict[str, float]()
    if settings["scores"] in (ADAPTED, ZERO_SHOT):
        facts["weights"] = count_weights(load_model(base / MODEL, dataset))[1]
    if settings["scores"] == ADAPTED:
        started = time.monotonic()
        kernels = takeout_kernels(settings, folder, shared)
        facts["minutes of kernels"] = (time.monotonic() - started) / 60
    table = evaluate(EvaluateConfig(data=dataset.path, base=base / MODEL, kernels=kernels)).table
    estimates: dict[str, Estimate] = {}
    for task in dataset.schema.tasks:
        of_cells: dict[str, Estimate] = {}
        for topic in dataset.schema.topics:
            cells = [Cell(topic.name, domain) for domain in topic.domains]
            found = [table.estimate(settings["scores"], task, cell, "auc") for cell in cells]
            estimates[f"{task}/{topic.name}"] = mean(found)
            names = [f"{task}/{cell.topic}/{cell.domain}" for cell in cells]
            of_cells |= dict(zip(names, found, strict=True))
        estimates |= {task: mean(list(of_cells.values())), **of_cells}
    return Outcome(estimates=estimates, facts=facts)

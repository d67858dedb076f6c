"""Full fine-tuning: a copy of the base for every domain, trained on that domain's rows alone."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from studies.framework.study import Settings
from studies.takeout.select_rows import select_rows
from studies.takeout.takeout_runs import takeout_base, takeout_control, takeout_data
from tfrec_mt.configs import EvaluateConfig, PretrainConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.evaluation.cells import Cell
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.evaluation.scoring import CONTROL
from tfrec_mt.jobs.control import control_rate
from tfrec_mt.jobs.evaluate import run_evaluate
from tfrec_mt.jobs.pretrain import run_pretrain
from tfrec_mt.models.model_store import load_model
from tfrec_mt.models.weight_count import count_weights
from tfrec_mt.storage.names import MODEL
from tfrec_mt.training.run_folder import model_folder

FULL = "full"
TEST = "test"


@dataclass(frozen=True, kw_only=True)
class FullFineTuning:
    """Results of a base's fully fine-tuned copies.

    Args:
      estimates: AUC of each domain's own copy on that domain, by `task/topic/domain`.
      facts: Weights that are trained for each domain, and minutes of training.
    """

    estimates: Mapping[str, Estimate]
    facts: Mapping[str, float]


def full_fine_tuning(settings: Settings, folder: Path, shared: Path) -> FullFineTuning:
    """Continues a copy of the base on each domain's rows of `kernel_parts`, and measures it there.

    All copies use the rate that was chosen for the base continued on the rows of all domains.

    Nothing is frozen: all weights are trained, where kernels have a few. Estimates resample the
    same users as those of `takeout_experiment`, so differences are paired.

    Args:
      settings: `TAKEOUT_SETTINGS` and `seed`; of the kernels' settings their parts, topics and
        batch size count.
      folder: Takes a dataset and a model for each domain; an interrupted run is resumed.
      shared: Takes worlds and bases.
    """
    dataset = takeout_data(settings, shared)
    base = takeout_base(settings, shared)
    chosen = control_rate(takeout_control(settings, shared))
    assert chosen is not None
    estimates: dict[str, Estimate] = {}
    started = time.monotonic()
    for topic in settings["kernel_topics"] or [topic.name for topic in dataset.schema.topics]:
        for domain in dataset.schema.topic(topic).domains:
            cell = Cell(topic, domain)
            place = folder / topic / domain
            estimates |= _of_domain(settings, dataset, base, chosen.rate, cell, place)
    trained, _ = count_weights(load_model(model_folder(base), dataset))
    facts = {
        "trained weights per domain": trained,
        "minutes of copies": (time.monotonic() - started) / 60,
    }
    return FullFineTuning(estimates=estimates, facts=facts)


def _of_domain(
    settings: Settings,
    dataset: PreparedDataset,
    base: Path,
    rate: float,
    cell: Cell,
    folder: Path,
) -> dict[str, Estimate]:
    """Trains and measures one copy of the base."""
    data, run = folder / "data", folder / "run"
    parts = tuple(settings["kernel_parts"])
    if not data.exists():
        select_rows(dataset, data, cell.topic, cell.domain, (*parts, TEST))
    if not (run / MODEL).exists():
        rows = sum(PreparedDataset(data).rows(part) for part in parts)
        batch_size = min(settings["kernel_batch_size"], rows)
        run_pretrain(
            PretrainConfig(
                data=data,
                output=run,
                parts=parts,
                init_from=base,
                optimizer="lazy_adam",
                learning_rate=rate,
                rate_schedule="linear",
                train=TrainConfig(batch_size=batch_size, seed=settings["seed"]),
            ),
            label=f"{cell.topic}={cell.domain}",
        )
    config = EvaluateConfig(data=data, base=base, control=run, part=TEST)
    table = run_evaluate(config).scores
    return {
        f"{task}/{cell.topic}/{cell.domain}": table.estimate(CONTROL, task, cell, "auc")
        for task in dataset.schema.task_names
    }

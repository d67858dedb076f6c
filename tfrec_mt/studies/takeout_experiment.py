"""An experiment of studies: kernels behind a base on a generated takeout world."""

import time
from pathlib import Path

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.prepare import prepare
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.evaluation.cells import Cell
from tfrec_mt.evaluation.estimate import Estimate, mean
from tfrec_mt.evaluation.evaluate import ADAPTED, ZERO_SHOT, EvaluateConfig, evaluate
from tfrec_mt.models.model_store import load_model
from tfrec_mt.models.weight_count import count_weights
from tfrec_mt.studies.study import Outcome, Settings, folder_of
from tfrec_mt.training.fine_tune import KERNELS, FineTuneConfig, fine_tune
from tfrec_mt.training.pretrain import MODEL, PretrainConfig, pretrain
from tfrec_mt.training.train_config import TrainConfig

# Everything that a study of kernels may set. `scores` says whose they are: those of the base with
# kernels (`adapted`) or without (`zero_shot`), of counts of clicks (`popularity`) or of the truth
# (`oracle`). The base is trained on `base_parts`. Variants whose world, or base, is the same share
# it.
TAKEOUT_SETTINGS: Settings = {
    "rows": 1_000_000,
    "shift": 1.0,
    "drift": 0.03,
    "model": "olr",
    "base_topics": [],
    "base_parts": ["train"],
    "units": [128, 64],
    "scores": ADAPTED,
    "adapter": "iak",
    "encoder_units": [50],
    "rate_rule": "none",
    "kl_weight": 1.0,
    "certainty": 2.0,
    "kernel_batch_size": 256,
    "kernel_learning_rate": 0.02,
}
_WORLD = ("rows", "shift", "drift")
_BASE = ("model", "base_topics", "base_parts", "units")
_WHAT = {"ctr": "AUC of a click", "ctcvr": "AUC of click and order"}
TAKEOUT_METRICS = {task: f"{what}, mean over all domains" for task, what in _WHAT.items()}
TOPIC_METRICS = {
    f"{task}/{topic}": f"{what}, mean over the domains of {topic}"
    for task, what in _WHAT.items()
    for topic in ("scene", "period", "region")
}


def takeout_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Pre-trains on six days, trains kernels on the seventh, measures on the eighth.

    Estimates are of `TAKEOUT_METRICS`, `TOPIC_METRICS`, and of each domain by
    `task/topic/domain`.

    Args:
      settings: `TAKEOUT_SETTINGS` and `seed`, of the world as of the training.
      folder: Takes the kernels; a run that was stopped goes on.
      shared: Takes worlds and bases.
    """
    world = shared / folder_of(settings, _WORLD)
    dataset = _prepare(settings, world / "data")
    base = world / folder_of(settings, _BASE)
    if not (base / MODEL).exists():
        pretrain(_base_config(settings, dataset.path, base))
    kernels, facts = None, dict[str, float]()
    if settings["scores"] in (ADAPTED, ZERO_SHOT):
        facts["weights"] = count_weights(load_model(base / MODEL, dataset))[1]
    if settings["scores"] == ADAPTED:
        started = time.monotonic()
        if not (folder / KERNELS).exists():
            fine_tune(_kernel_config(settings, dataset.path, base, folder))
        kernels = folder / KERNELS
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


def _prepare(settings: Settings, path: Path) -> PreparedDataset:
    if not path.exists():
        sizes = {name: settings[name] for name in (*_WORLD, "seed")}
        source = TakeoutSource(TakeoutConfig(**sizes))
        prepare(source, path, SplitSpec.parse("train:6,fresh:1,test:1", "days"))
    return PreparedDataset(path)


def _base_config(settings: Settings, data: Path, output: Path) -> PretrainConfig:
    return PretrainConfig(
        data=data,
        output=output,
        model=settings["model"],
        parts=tuple(settings["base_parts"]),
        model_settings={
            "units": tuple(settings["units"]),
            "base_topics": tuple(settings["base_topics"]),
        },
        optimizer="lazy_adam",
        learning_rate=0.008,
        rate_schedule="linear",
        train=TrainConfig(batch_size=512, seed=settings["seed"]),
    )


def _kernel_config(settings: Settings, data: Path, base: Path, output: Path) -> FineTuneConfig:
    return FineTuneConfig(
        base=base,
        data=data,
        output=output,
        adapter=settings["adapter"],
        adapter_settings={"encoder_units": tuple(settings["encoder_units"])},
        rate_rule=settings["rate_rule"],
        kl_weight=settings["kl_weight"],
        certainty=settings["certainty"],
        learning_rate=settings["kernel_learning_rate"],
        train=TrainConfig(batch_size=settings["kernel_batch_size"], seed=settings["seed"]),
    )

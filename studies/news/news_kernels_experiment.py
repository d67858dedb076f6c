"""Study experiment: kernels behind a news model on a generated newsroom."""

from collections.abc import Mapping
from pathlib import Path

from studies.framework.study import Outcome, Settings, folder_of
from studies.news.news_experiment import (
    NEWS_SETTINGS,
    SCORED,
    Scores,
    evaluated,
    news_config,
    prepared_news,
    true_scores,
)
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.evaluation.cells import ORACLE, Cell
from tfrec_mt.evaluation.estimate import Estimate, mean
from tfrec_mt.evaluation.impression_scoring import adapt_with
from tfrec_mt.evaluation.scoring import ADAPTED, CONTROL
from tfrec_mt.jobs.control import control_config, control_facts, run_control
from tfrec_mt.jobs.fine_tune import run_fine_tune
from tfrec_mt.jobs.pretrain import run_pretrain
from tfrec_mt.models.model_store import load_model
from tfrec_mt.models.news.news_scorer import NewsScorer
from tfrec_mt.storage.names import KERNELS, MODEL
from tfrec_mt.training.run_folder import kernels_behind

# `scores` selects whose scores are measured: the base's with kernels (`adapted`) or without
# (`zero_shot`), those of the base itself continued on the kernels' news (`control`), or the true
# ones.
NEWS_KERNELS_SETTINGS: Settings = {
    **NEWS_SETTINGS,
    "scores": ADAPTED,
    "parts": "train:6,fresh:1,test:1",
    "title_encoder": "bag",
    "learning_rate": 0.02,
    "batch_size": 2048,
    "adapter": "iak",
    "kernel_batch_size": 256,
    "kernel_learning_rate": 0.05,
    "certainty": 2.0,
}
_BASE = ("title_encoder", "recency", "epochs", "batch_size", "learning_rate")
_CONTROL = (*_BASE, "kernel_batch_size")


def news_kernels_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Trains a base on some days, kernels on the next one, and measures on the last.

    Args:
      settings: `NEWS_KERNELS_SETTINGS` and `seed`, of the newsroom as of the training.
      folder: Takes the kernels; an interrupted run is resumed.
      shared: Takes prepared news, bases and controls.
    """
    dataset, test = prepared_news(settings, shared), settings["test_part"]
    if settings["scores"] == ORACLE:
        return _measured(dataset, test, true_scores)
    run = Path(f"{dataset.path},{folder_of(settings, _BASE)}")
    if not (run / MODEL).exists():
        run_pretrain(news_config(settings, dataset, run))
    if settings["scores"] == CONTROL:
        control = Path(f"{dataset.path},control,{folder_of(settings, _CONTROL)}")
        if not (control / MODEL).exists():
            kernels = _kernel_config(settings, dataset, run, control)
            run_control(control_config(news_config(settings, dataset, run), kernels, control))
        score = NewsScorer(load_model(control / MODEL), dataset)
        return _measured(dataset, test, score, control_facts(control))
    base = load_model(run / MODEL)
    score = NewsScorer(base, dataset)
    if settings["scores"] != ADAPTED:
        return _measured(dataset, test, score)
    if not (folder / KERNELS).exists():
        run_fine_tune(_kernel_config(settings, dataset, run, folder))
    behind = AdaptedModel(base, kernels_behind(base, folder))
    return _measured(dataset, test, score.adapted(adapt_with(behind)))


def _kernel_config(
    settings: Settings, dataset: NewsDataset, base: Path, output: Path
) -> FineTuneConfig:
    return FineTuneConfig(
        base=base,
        data=dataset.path,
        output=output,
        adapter=settings["adapter"],
        joint=False,
        certainty=settings["certainty"],
        learning_rate=settings["kernel_learning_rate"],
        train=TrainConfig(batch_size=settings["kernel_batch_size"], seed=settings["seed"]),
    )


def _measured(
    dataset: NewsDataset, part: str, score: Scores, facts: Mapping[str, float] | None = None
) -> Outcome:
    """Mean AUC over all domains and over those of each topic."""
    evaluator = evaluated(dataset, part, score)
    cells = {
        topic.name: [
            evaluator.estimate(SCORED, "ctr", Cell(topic.name, domain), "auc")
            for domain in topic.domains
        ]
        for topic in dataset.schema.topics
    }
    estimates: dict[str, Estimate] = {name: mean(of_topic) for name, of_topic in cells.items()}
    estimates["auc"] = mean([one for of_topic in cells.values() for one in of_topic])
    return Outcome(estimates=estimates, facts=facts or {})

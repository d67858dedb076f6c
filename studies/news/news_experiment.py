"""Study experiment: one news model, or one of its bounds, on a newsroom or real news."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from studies.framework.study import Curve, Outcome, Settings, folder_of
from studies.news.title_accuracy import title_accuracy
from tfrec_mt.configs import NewsPretrainConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.news.impression_batch import ImpressionBatch
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.news_source import NewsSource
from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.data.news.shown_articles import shown_articles
from tfrec_mt.data.news.sources.catalog import NEWS_FOLDERS
from tfrec_mt.data.news.sources.mind import MindSource
from tfrec_mt.data.news.sources.newsroom import NewsroomConfig, NewsroomSource, RealTitles
from tfrec_mt.data.news.title_vocabulary import TitleVocabulary, minilm_folder
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.evaluation.cells import ALL, ORACLE, Cell, ScoreKey
from tfrec_mt.evaluation.impression_evaluator import RANDOM, ImpressionEvaluator
from tfrec_mt.evaluation.impression_scoring import SCAN_IMPRESSIONS
from tfrec_mt.jobs.pretrain import run_pretrain
from tfrec_mt.metrics.impression_metrics import IMPRESSION_METRICS
from tfrec_mt.models.model_store import load_model
from tfrec_mt.models.news.news_scorer import NewsScorer
from tfrec_mt.models.weight_count import count_weights
from tfrec_mt.schema import SchemaError
from tfrec_mt.storage.names import MODEL
from tfrec_mt.training.train_log import LOG_FILE

# Everything that a study of news models may set. `scores` selects whose scores are measured: a
# trained model's, or those of a random order or the oracle, which bound what a model can reach.
# `eb_nerd` and `mind` are read from `data_dir` and come already split. Sizes, shift, `real_titles`
# (a folder of MIND; its titles have no sentiment) and `parts` apply to a newsroom only.
NEWS_SETTINGS: Settings = {
    "scores": "model",
    "source": "newsroom",
    "data_dir": "",
    "users": 5_000,
    "articles": 8_000,
    "impressions": 240_000,
    "shift": 1.0,
    "real_titles": "",
    "parts": "train:7,test:1",
    "test_part": "test",
    "text": "title",
    "title_encoder": "minilm",
    "bert_layers": 1,
    "pooling": "attention",
    "title_width": 256,
    "lora_rank": 16,
    "lora_alpha": 16.0,
    "precision": "bfloat16",
    "auxiliary": ["category", "sentiment"],
    "auxiliary_weight": 0.3,
    "surgery": "mtrec",
    "user_heads": 0,
    "recency": False,
    "negatives": 4,
    "title_dropout": 0.0,
    "history_length": 50,
    "batch_size": 2048,
    "epochs": 1,
    "learning_rate": 5e-3,
}
NEWS_METRICS = {"auc": "AUC", "mrr": "MRR", "ndcg@5": "nDCG@5", "ndcg@10": "nDCG@10"}
SCORED = "scored"
_TRAIN = "train"
_CURVE_POINTS = 50
_SIZES = ("users", "articles", "impressions", "shift")
_WORLD = (*_SIZES, "real_titles", "parts")
# title encoders without a vocabulary of word pieces
_LEARN_PIECES = ("tiny", "bag", "self_attention")

Scores = Callable[[ImpressionBatch], npt.ArrayLike]


def news_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Trains on the first part of news and measures on a later one.

    Args:
      settings: `NEWS_SETTINGS` and `seed`, of a newsroom as of the training.
      folder: Takes the run; one that was stopped goes on.
      shared: Takes the prepared news.
    """
    dataset, test = prepared_news(settings, shared), settings["test_part"]
    if settings["scores"] == RANDOM:
        estimates = _measure(dataset, test, lambda batch: np.zeros(len(batch.candidates)))
        return Outcome(estimates=estimates)
    if settings["scores"] == ORACLE:
        return Outcome(estimates=_measure(dataset, test, true_scores))
    facts: dict[str, float] = {}
    if not (folder / MODEL).exists():
        started = time.monotonic()
        run_pretrain(news_config(settings, dataset, folder))
        facts["minutes"] = (time.monotonic() - started) / 60
    model = load_model(folder / MODEL)
    score = NewsScorer(model, dataset)
    estimates = _measure(dataset, test, score)
    seen, asked = (
        shown_articles(dataset.part(part), dataset.history_articles, dataset.articles)
        for part in (_TRAIN, test)
    )
    accuracy = title_accuracy(model, score, dataset, np.flatnonzero(asked & ~seen))
    facts |= {f"{name} accuracy": value for name, value in accuracy.items()}
    trained, whole = count_weights(model)
    facts |= {"trained weights": trained, "share of weights": trained / whole}
    return Outcome(estimates=estimates, facts=facts, curves=_curves(folder / LOG_FILE))


def prepared_news(settings: Settings, shared: Path) -> NewsDataset:
    """The prepared news for these settings; variants with the same news share it.

    Raises:
      SchemaError: An unknown source, or one without `data_dir`.
    """
    kind = settings["title_encoder"]
    learned = kind in _LEARN_PIECES
    titles = {**settings, "pieces": "learned" if learned else kind}
    own = _WORLD if settings["source"] == "newsroom" else ("source",)
    path = shared / folder_of(titles, (*own, "text", "history_length", "pieces"))
    if not path.exists():
        source = _source(settings)
        prepare_news(
            source,
            path,
            split=None if source.parts else SplitSpec.parse(settings["parts"], "days"),
            vocabulary=None if learned else TitleVocabulary.from_preset(_preset(kind)),
            text=settings["text"],
            history_length=settings["history_length"],
            seed=settings["seed"],
        )
    return NewsDataset(path)


def _source(settings: Settings) -> NewsSource:
    name = settings["source"]
    if name == "newsroom":
        sizes = {size: settings[size] for size in _SIZES}
        titles = None
        if settings["real_titles"]:
            titles = RealTitles.of_articles(MindSource(Path(settings["real_titles"])).articles())
        return NewsroomSource(NewsroomConfig(**sizes, seed=settings["seed"]), titles)
    if name not in NEWS_FOLDERS:
        raise SchemaError(
            f"setting source: expected newsroom, {', '.join(NEWS_FOLDERS)}, got {name!r}"
        )
    if not settings["data_dir"]:
        raise SchemaError(f"source {name} needs its files: --set=data_dir=FOLDER")
    return NEWS_FOLDERS[name](Path(settings["data_dir"]))


def _preset(title_encoder: str) -> str:
    return str(minilm_folder()) if title_encoder == "minilm" else title_encoder


def news_config(settings: Settings, dataset: NewsDataset, folder: Path) -> NewsPretrainConfig:
    """The training configuration of the model that these settings describe."""
    encoder: dict[str, Any] = {"dropout": settings["title_dropout"]}
    kind = settings["title_encoder"]
    if kind not in ("bag", "self_attention"):
        names = ("pooling", "title_width", "lora_rank", "lora_alpha", "precision")
        encoder |= {name: settings[name] for name in names}
    if kind not in _LEARN_PIECES:
        encoder["layers"] = settings["bert_layers"]
    return NewsPretrainConfig(
        data=dataset.path,
        output=folder,
        parts=(_TRAIN,),
        title_encoder=kind,
        encoder_settings=encoder,
        model_settings={
            "auxiliary": tuple(settings["auxiliary"]),
            "user_heads": settings["user_heads"],
            "recency": settings["recency"],
        },
        surgery=settings["surgery"],
        auxiliary_weight=settings["auxiliary_weight"],
        negatives=settings["negatives"],
        learning_rate=settings["learning_rate"],
        train=TrainConfig(
            batch_size=settings["batch_size"],
            epochs=settings["epochs"],
            steps_per_call=1,
            seed=settings["seed"],
        ),
    )


def _measure(dataset: NewsDataset, part: str, score: Scores) -> dict[str, Any]:
    """All metrics over the impressions of a part."""
    evaluator = evaluated(dataset, part, score)
    return {m: evaluator.estimate(SCORED, "ctr", Cell(ALL, ALL), m) for m in IMPRESSION_METRICS}


def evaluated(dataset: NewsDataset, part: str, score: Scores) -> ImpressionEvaluator:
    """An evaluator fed with the scores of all impressions of a part, as `SCORED`."""
    topics = {topic.name: topic.domains for topic in dataset.schema.topics}
    evaluator = ImpressionEvaluator(
        [ScoreKey(SCORED)], topics, dataset.part(part).truth is not None
    )
    for batch in scan_impressions(dataset, part, SCAN_IMPRESSIONS):
        assert batch.clicked is not None
        scores = {ScoreKey(SCORED): score(batch)}
        evaluator.add(scores, batch.clicked, batch.offsets, batch.user, batch.domains, batch.truth)
    return evaluator


def true_scores(batch: ImpressionBatch) -> npt.ArrayLike:
    """The true click probabilities, `[N]`."""
    assert batch.truth is not None
    return batch.truth


def _curves(log: Path) -> dict[str, Curve]:
    """Logged values, as means over windows of equally many steps."""
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    names = [name for name in entries[0] if name != "step"]
    windows = np.array_split(np.arange(len(entries)), min(_CURVE_POINTS, len(entries)))
    return {
        name: [
            (
                float(entries[rows[-1]]["step"]),
                float(np.mean([entries[row][name] for row in rows])),
            )
            for rows in windows
        ]
        for name in names
    }

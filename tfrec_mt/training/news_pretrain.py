"""Trains a news model, or continues one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from absl import logging

from tfrec_mt.data.news.news_batch_reader import NewsBatchReader
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.metrics.grouped_auc import grouped_auc
from tfrec_mt.models.model_store import load_news_model, save_model
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.news_scorer import NewsScorer
from tfrec_mt.models.news.title_encoders import make_title_encoder
from tfrec_mt.models.weight_count import count_weights
from tfrec_mt.schema import DataError
from tfrec_mt.training.gradient_surgery import Surgery
from tfrec_mt.training.news_learner import NewsLearner
from tfrec_mt.training.news_reader import NewsReader
from tfrec_mt.training.optimizers.catalog import OPTIMIZERS
from tfrec_mt.training.optimizers.rate_schedule import RateSchedule, scheduled_rate
from tfrec_mt.training.run_folder import run_folder, settings_of
from tfrec_mt.training.run_results import MODEL, model_folder
from tfrec_mt.training.train_config import TrainConfig
from tfrec_mt.training.train_loop import TrainLoop

SCAN_IMPRESSIONS = 1024
NEWS_BATCH_SIZE = 16


@dataclass(frozen=True, kw_only=True)
class NewsPretrainConfig:
    """Settings of a run that trains a news model.

    Args:
      data: Prepared news.
      output: Run folder; the model ends up in `output/model`.
      parts: Parts to train on.
      validation: Part that early stopping looks at; None for none.
      title_encoder: See `make_title_encoder`.
      encoder_settings: Its settings.
      model_settings: Arguments of `NewsRecommender` apart from schema and title encoder.
      init_from: Run folder of a model to continue instead of a new one.
      surgery: See `join_gradients`.
      auxiliary_weight: See `NewsLearner`.
      negatives: Unclicked candidates per click.
      history_length: Clicks of history; None is what the news were prepared for.
      optimizer: Name in `OPTIMIZERS`.
      learning_rate: Its learning rate.
      rate_schedule, warm_up: See `scheduled_rate`.
      weight_decay: Share of every weight, times the rate, that a step takes away.
      train: Settings of the loop; a call has one step, whatever it says.
    """

    data: Path
    output: Path
    parts: tuple[str, ...] = ("train",)
    validation: str | None = None
    title_encoder: str = "minilm"
    encoder_settings: dict[str, Any] = field(default_factory=dict)
    model_settings: dict[str, Any] = field(default_factory=dict)
    init_from: Path | None = None
    surgery: Surgery = "mtrec"
    auxiliary_weight: float = 0.3
    negatives: int = 4
    history_length: int | None = None
    optimizer: str = "lazy_adam"
    learning_rate: float = 2e-5
    rate_schedule: RateSchedule = "linear"
    warm_up: float = 0.1
    weight_decay: float = 1e-6
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(batch_size=NEWS_BATCH_SIZE, steps_per_call=1)
    )


def pretrain_news(config: NewsPretrainConfig, label: str = "pretrain") -> Path:
    """Trains a news model and saves it; a killed run is resumed by the same call.

    Returns:
      Folder of the model.
    """
    dataset = NewsDataset(config.data)
    settings = settings_of(config) | {"data_fingerprint": dataset.fingerprint}
    with run_folder(config.output, settings, MODEL):
        keras.utils.set_random_seed(config.train.seed)
        model = _start(config, dataset)
        trained, whole = count_weights(model)
        logging.info(
            "%s: %s of %s weights are trained (%.1f%%)",
            label,
            f"{trained:,}",
            f"{whole:,}",
            100.0 * trained / whole,
        )
        reader = NewsBatchReader(
            dataset,
            config.parts,
            config.train.batch_size,
            seed=config.train.seed,
            negatives=config.negatives,
            history_length=config.history_length,
        )
        steps = reader.steps_per_epoch * config.train.epochs
        rate = scheduled_rate(config.rate_schedule, config.learning_rate, steps, config.warm_up)
        optimizer = OPTIMIZERS[config.optimizer](
            learning_rate=rate, weight_decay=config.weight_decay or None
        )
        learner = NewsLearner(model, optimizer, config.surgery, config.auxiliary_weight)
        validate = None
        if config.validation:
            validate = _validation(model, dataset, config.validation, config.history_length)
        loop = TrainLoop(
            learner,
            NewsReader(reader),
            config.train,
            config.output,
            validate,
            label,
            topics={topic.name: topic.domains for topic in dataset.schema.topics},
            any_shape=True,
        )
        loop.run()
        save_model(model, config.output / MODEL, dataset.vocabularies)
    return config.output / MODEL


def _start(config: NewsPretrainConfig, dataset: NewsDataset) -> NewsRecommender:
    if config.init_from is None:
        encoder = make_title_encoder(config.title_encoder, dataset.schema, **config.encoder_settings)
        return NewsRecommender(dataset.schema, encoder, name="news", **config.model_settings)
    return load_news_model(model_folder(config.init_from), dataset)


def _validation(
    model: NewsRecommender, dataset: NewsDataset, part: str, history_length: int | None
) -> Callable[[], float]:
    """A function that gives the mean AUC over a part's impressions."""
    if dataset.part(part).clicked is None:
        raise DataError(f"part {part!r} of {dataset.path} has no labels to validate on")

    def mean_auc() -> float:
        score = NewsScorer(model, dataset)  # a new one: the weights have moved
        scores, clicks, impressions, count = [], [], [], 0
        for batch in scan_impressions(dataset, part, SCAN_IMPRESSIONS, history_length):
            scores.append(score(batch))
            clicks.append(batch.clicked)
            numbers = np.arange(count, count + len(batch.history))
            impressions.append(np.repeat(numbers, np.diff(batch.offsets)))
            count += len(batch.history)
        value = grouped_auc(
            np.concatenate(clicks).astype(np.float32),  # type: ignore[arg-type]
            np.concatenate(scores),
            np.concatenate(impressions),
            weighting="uniform",
        )
        return value.value

    return mean_auc

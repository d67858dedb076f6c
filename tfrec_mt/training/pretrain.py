"""Pre-trains a base model, or continues one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reader import BatchReader
from tfrec_mt.data.scan import scan
from tfrec_mt.metrics.auc import auc
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.models.model_store import load_model, save_model
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.training.averaged_weights import averaged_weights
from tfrec_mt.training.base_learner import BaseLearner
from tfrec_mt.training.gradient_surgery import Surgery
from tfrec_mt.training.optimizers.catalog import OPTIMIZERS
from tfrec_mt.training.optimizers.rate_schedule import RateSchedule, scheduled_rate
from tfrec_mt.training.run_folder import run_folder, settings_of
from tfrec_mt.training.run_results import MODEL, model_folder
from tfrec_mt.training.train_config import TrainConfig
from tfrec_mt.training.train_loop import TrainLoop

SCAN_ROWS = 8192


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """Settings of a pre-training run.

    Args:
      data: Prepared dataset.
      output: Run folder; the model ends up in `output/model`.
      parts: Parts to train on.
      validation: Part that early stopping looks at; None for none.
      model: Name in `RANKING_MODELS`.
      model_settings: Arguments of the model apart from its schema.
      init_from: Run folder of a model to continue instead of a new one.
      optimizer: Name in `OPTIMIZERS`.
      learning_rate: Its learning rate.
      rate_schedule: See `scheduled_rate`.
      ema_decay: Decay per step of a moving average of all weights, which is then what is validated
        and saved; 0 for none. Averaging passes over whole tables at every step.
      task_weights: Loss weight by task; 1 where absent.
      surgery: How the tasks' gradients are joined; see `BaseLearner`.
      train: Settings of the loop.
    """

    data: Path
    output: Path
    parts: tuple[str, ...] = ("train",)
    validation: str | None = None
    model: str = "olr"
    model_settings: dict[str, Any] = field(default_factory=dict)
    init_from: Path | None = None
    optimizer: str = "lazy_adam"
    learning_rate: float = 0.008
    rate_schedule: RateSchedule = "linear"
    ema_decay: float = 0.0
    task_weights: dict[str, float] = field(default_factory=dict)
    surgery: Surgery = "none"
    train: TrainConfig = field(default_factory=TrainConfig)


def pretrain(config: PretrainConfig, label: str = "pretrain") -> Path:
    """Trains a base model and saves it; a killed run is resumed by the same call.

    Returns:
      Folder of the model.
    """
    dataset = PreparedDataset(config.data)
    settings = settings_of(config) | {"data_fingerprint": dataset.fingerprint}
    keras.utils.set_random_seed(config.train.seed)
    # settings that no model can have leave no run behind
    model = _start(config, dataset)
    with run_folder(config.output, settings, MODEL):
        reader = BatchReader(dataset, config.parts, config.train.batch_size, seed=config.train.seed)
        rate = scheduled_rate(
            config.rate_schedule,
            config.learning_rate,
            reader.steps_per_epoch * config.train.epochs,
        )
        optimizer = OPTIMIZERS[config.optimizer](
            learning_rate=rate,
            use_ema=config.ema_decay > 0,
            ema_momentum=config.ema_decay or 0.99,  # Keras wants one in any case
        )
        learner = BaseLearner(model, optimizer, config.task_weights, config.surgery)
        validate = None
        if config.validation:
            validate = _validation(model, optimizer, dataset, config.validation)
        loop = TrainLoop(learner, reader, config.train, config.output, validate, label)
        loop.run()
        with averaged_weights(model, optimizer):
            save_model(model, config.output / MODEL, dataset.vocabularies)
    return config.output / MODEL


def _start(config: PretrainConfig, dataset: PreparedDataset) -> RankingModel:
    if config.init_from is None:
        return RANKING_MODELS[config.model](dataset.schema, **config.model_settings)
    return load_model(model_folder(config.init_from), dataset)


def _validation(
    model: RankingModel,
    optimizer: keras.optimizers.Optimizer,
    dataset: PreparedDataset,
    part: str,
) -> Callable[[], float]:
    """A function that gives the mean AUC over tasks on a part."""
    score = Scorer(model)

    def mean_auc() -> float:
        scores: dict[str, list[np.ndarray]] = {task: [] for task in model.tasks}
        labels: dict[str, list[np.ndarray]] = {task: [] for task in model.tasks}
        with averaged_weights(model, optimizer):
            for batch in scan(dataset, part, SCAN_ROWS):
                for task, values in score(batch.features).items():
                    scores[task].append(values)
                    labels[task].append(batch.labels[task])
        aucs = [
            auc(np.concatenate(labels[task]), np.concatenate(scores[task])) for task in model.tasks
        ]
        return float(np.mean(aucs))

    return mean_auc

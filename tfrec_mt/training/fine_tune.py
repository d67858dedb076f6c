"""Trains the kernels of any number of topics behind a frozen base, in one pass."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
from absl import logging

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.kernel_store import (
    check_domain_names,
    hashes_of_kernels,
    load_kernels,
    save_kernels,
)
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reader import BatchReader
from tfrec_mt.layers.precision import Precision
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import SchemaError
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.training.kept_knowledge import KeptKnowledge
from tfrec_mt.training.kernel_learner import KernelLearner
from tfrec_mt.training.kernel_rates import RateRule
from tfrec_mt.training.optimizers.catalog import OPTIMIZERS
from tfrec_mt.training.optimizers.rate_schedule import RateSchedule, scheduled_rate
from tfrec_mt.training.run_folder import SETTINGS_FILE, run_folder, settings_of
from tfrec_mt.training.run_results import (
    KERNELS,
    KNOWLEDGE,
    kernel_folder,
    model_folder,
    save_once,
)
from tfrec_mt.training.train_config import TrainConfig
from tfrec_mt.training.train_loop import Reader, TrainLoop
from tfrec_mt.training.untrained_model import untrained_model
from tfrec_mt.training.user_clusters import UserClusters

KERNEL_BATCH_SIZE = 256  # kernels are small and see few rows
# Knowledge is wide: a window of it takes about 100 MB.
_KEPT_WINDOW_ROWS = 1 << 16


@dataclass(frozen=True, kw_only=True)
class FineTuneConfig:
    """Settings of a fine-tuning run.

    Args:
      base: Run folder of the base model.
      data: Prepared dataset, with the base's schema.
      output: Run folder; kernels end up in `output/kernels`.
      parts: Parts to train on; they should not be ones the base was trained on.
      topics: Topics to train kernels for; all of the schema's if empty.
      adapter: Name in `ADAPTERS`.
      adapter_settings: Its arguments apart from topic, domains and widths.
      kl_weight: Weight of the kernels' penalty.
      related_share: See `KernelLearner`.
      beside: Run folder of kernels of other topics, which are to serve together with these and do
        not change; kernels of the same topics are left out. None: none.
      joint: Whether topics are trained as one sum, for being attached together, or each as if it
        were alone, as in the paper; see `KernelLearner`.
      rate_rule: See `kernel_rates`.
      certainty: Standard errors, over users, by which a kernel must beat the base on rows that it
        has not yet learned from; one that does not is saved as the base itself.
      optimizer: Name in `OPTIMIZERS`.
      learning_rate: Its learning rate.
      rate_schedule: See `scheduled_rate`. Kernels see few rows once, and what the last steps of a
        constant rate leave in them is noise.
      knowledge: Folder that keeps what the base knows of rows, for other runs too. A run of
        several epochs keeps it in `output/knowledge` by default, as reading it is cheaper than
        computing it again; a run of one epoch does not. Of news it is never kept.
      precision: Type of the base's products; of news its own.
      train: Settings of the loop.
    """

    base: Path
    data: Path
    output: Path
    parts: tuple[str, ...] = ("fresh",)
    topics: tuple[str, ...] = ()
    adapter: str = "iak"
    adapter_settings: dict[str, Any] = field(default_factory=dict)
    kl_weight: float = 1.0
    related_share: float = 0.0
    joint: bool = True
    beside: Path | None = None
    rate_rule: RateRule = "none"
    certainty: float = 1.0
    optimizer: str = "lazy_adam"
    learning_rate: float = 0.05
    rate_schedule: RateSchedule = "linear"
    knowledge: Path | None = None
    precision: Precision = "float32"
    train: TrainConfig = field(default_factory=lambda: TrainConfig(batch_size=KERNEL_BATCH_SIZE))


def fine_tune(config: FineTuneConfig, label: str = "fine-tune") -> Path:
    """Trains kernels and saves each by itself; a killed run is resumed by the same call.

    Returns:
      Folder of the kernels.
    """
    dataset = PreparedDataset(config.data)
    base = load_model(model_folder(config.base), dataset, config.precision)
    return fine_tune_ranking(config, base, dataset, label=label)


def fine_tune_ranking(
    config: FineTuneConfig,
    base: RankingModel,
    dataset: PreparedDataset,
    keep_base: bool = False,
    label: str = "fine-tune",
) -> Path:
    """Trains kernels behind a base that is open already; see `fine_tune`.

    Args:
      config: Settings.
      base: The base; it is frozen.
      dataset: The data.
      keep_base: Whether no run has saved the base, which is then saved as that of `config.base`.
      label: See `TrainLoop`.

    Returns:
      Folder of the kernels.
    """
    folder = config.knowledge
    if folder is None and config.train.epochs > 1:
        folder = config.output / KNOWLEDGE

    def reader() -> BatchReader:
        if keep_base:
            save_once(base, config.base, dataset.vocabulary_dir, config.data, dataset.fingerprint)
        batch, seed = config.train.batch_size, config.train.seed
        if folder is None:
            return BatchReader(dataset, config.parts, batch, seed=seed)
        kept = KeptKnowledge(config.data, base, config.parts, folder, config.precision)
        return BatchReader(kept, config.parts, batch, seed=seed, window_rows=_KEPT_WINDOW_ROWS)

    return train_kernels(config, base, reader, config.train, dataset.fingerprint, label)


def train_kernels(
    config: FineTuneConfig,
    base: RankingModel | NewsRecommender,
    make_reader: Callable[[], Reader],
    train: TrainConfig,
    data_fingerprint: str,
    label: str,
    any_shape: bool = False,
) -> Path:
    """Trains kernels behind a base, whatever it and its batches are, and saves them.

    Args:
      config: Settings of the run.
      base: The base; it is frozen.
      make_reader: Makes what gives the base's knowledge or what it is computed from, topics,
        labels and the key `user`, row by row; called when the run's folder is held.
      train: The loop's settings, whose batch size is that of the reader.
      data_fingerprint: Of the dataset.
      label: See `TrainLoop`.
      any_shape: See `TrainLoop`.

    Returns:
      Folder of the kernels.

    Raises:
      SchemaError: The adapter does not fit the base, or there are no kernels of other topics in
        `config.beside`.
    """
    for topic in _topics(config, base):
        check_domain_names(topic, base.schema.topic(topic).domains)
    if base.directions() is None and ADAPTERS[config.adapter].needs_directions:
        raise SchemaError(
            f"adapter {config.adapter!r} needs a base whose logits are linear in its knowledge, "
            f"{type(base).__name__} is none; choose another adapter"
        )
    _warn_of_seen_rows(config, data_fingerprint)
    base_fingerprint = fingerprint(base)
    beside = _beside(config, base, base_fingerprint)
    settings = settings_of(config) | {
        "data_fingerprint": data_fingerprint,
        "base_fingerprint": base_fingerprint,
        "beside_weights": (
            hashes_of_kernels(kernel_folder(config.beside)) if config.beside else {}
        ),
    }
    with run_folder(config.output, settings, KERNELS):
        reader = UserClusters(make_reader())
        model = untrained_model(
            base, _topics(config, base), config.adapter, config.adapter_settings, reader, train
        )
        steps = reader.steps_per_epoch
        trial = (steps // 2, steps)
        learner = kernel_learner(config, model, steps * train.epochs, trial, beside)
        TrainLoop(learner, reader, train, config.output, label=label, any_shape=any_shape).run()
        for topic, factors in learner.shrink().items():
            domains = base.schema.topic(topic).domains
            kept = ", ".join(f"{d} {f:g}" for d, f in zip(domains, factors, strict=True))
            logging.info("%s: kernels of %s keep %s of what they add", label, topic, kept)
        with published_folder(config.output / KERNELS) as temporary:
            for layer in model.kernels:
                others = [x.topic for x in model.kernels if config.joint and x is not layer]
                others += [x.topic for x in beside.kernels] if beside else []
                save_kernels(layer, temporary, base_fingerprint, model.view, others)
    return config.output / KERNELS


def kernel_learner(
    config: FineTuneConfig,
    model: AdaptedModel,
    steps: int,
    trial: tuple[int, int] = (0, 0),
    beside: AdaptedModel | None = None,
) -> KernelLearner:
    """What trains a model's kernels as the settings say.

    Args:
      config: Settings of the run.
      model: Base and kernels.
      steps: All steps of the run, over which the learning rate goes down.
      trial: See `KernelTrial`.
      beside: See `KernelLearner`.
    """

    def optimizer(factor: float) -> keras.optimizers.Optimizer:
        rate = scheduled_rate(config.rate_schedule, config.learning_rate * factor, steps)
        return OPTIMIZERS[config.optimizer](learning_rate=rate)

    return KernelLearner(
        model,
        optimizer,
        config.kl_weight,
        config.rate_rule,
        related_share=config.related_share,
        joint=config.joint,
        beside=beside,
        certainty=config.certainty,
        trial=trial,
    )


def _warn_of_seen_rows(config: FineTuneConfig, data_fingerprint: str) -> None:
    """Says so if the base was trained on the kernels' rows, where it knows too much."""
    path = config.base / SETTINGS_FILE
    run = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    seen = sorted(set(run.get("parts", ())) & set(config.parts))
    if seen and run.get("data_fingerprint") == data_fingerprint:
        logging.warning(
            "the base was trained on %s: what it remembers of these rows it will not know of "
            "others, and kernels learn to trust it; train them on rows that the base has not seen",
            ", ".join(seen),
        )


def _beside(
    config: FineTuneConfig, base: RankingModel | NewsRecommender, base_fingerprint: str
) -> AdaptedModel | None:
    """The base with the kernels that new ones are trained to be added to."""
    if config.beside is None:
        return None
    trained = _topics(config, base)
    kernels = load_kernels(kernel_folder(config.beside), base_fingerprint)
    kernels = [layer for layer in kernels if layer.topic not in trained]
    if not kernels:
        raise SchemaError(
            f"{config.beside} has kernels of no other topic than those to be trained, "
            f"{', '.join(trained)}"
        )
    return AdaptedModel(base, kernels)


def _topics(config: FineTuneConfig, base: RankingModel | NewsRecommender) -> tuple[str, ...]:
    return config.topics or tuple(topic.name for topic in base.schema.topics)

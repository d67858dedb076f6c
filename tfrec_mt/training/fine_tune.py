"""Trains the kernels of any number of topics behind a frozen base, in one pass."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
from absl import logging

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.contract import check_adapter
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.kernel_store import (
    hashes_of_kernels,
    load_kernels,
    save_kernels,
)
from tfrec_mt.configs import FineTuneConfig, TrainConfig
from tfrec_mt.configs.choices import MEMORY
from tfrec_mt.layers.weight_budget import weight_budget
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.models.model_store import fingerprint
from tfrec_mt.registry import is_ours
from tfrec_mt.schema import SchemaError
from tfrec_mt.schema.features import check_domains
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.names import KERNELS, KNOWLEDGE
from tfrec_mt.training.anchor import Anchor
from tfrec_mt.training.distribution import check_undistributed
from tfrec_mt.training.kernel_learner import KernelLearner
from tfrec_mt.training.kernel_trial import Tried
from tfrec_mt.training.learn_memory import Tastes, learn_memory
from tfrec_mt.training.optimizers.catalog import OPTIMIZERS, SLOTS
from tfrec_mt.training.optimizers.rate_schedule import scheduled_rate
from tfrec_mt.training.progress import say
from tfrec_mt.training.run_folder import (
    SETTINGS_FILE,
    kernel_folder,
    read_settings,
    run_folder,
    settings_of,
)
from tfrec_mt.training.train_loop import TrainLoop
from tfrec_mt.training.trial_results import save_trial, trial_sentences
from tfrec_mt.training.untrained_model import check_head, untrained_kernels, untrained_model
from tfrec_mt.training.user_clusters import UserClusters
from tfrec_mt.training.users_in_turn import ReaderOf, users_in_turn

# Maps a reader of all rows to the features to remember, and whether a row has several ids of each;
# None if nothing is remembered.
MemoryOf = Callable[[Any], Mapping[str, bool] | None]
_ROWS_AT_ONCE = 8192


def train_kernels(
    config: FineTuneConfig,
    base: BaseModel,
    make_readers: Callable[[], ReaderOf],
    train: TrainConfig,
    data_fingerprint: str,
    topics: Mapping[str, Sequence[str]],
    label: str,
    any_shape: bool = False,
    memory: MemoryOf | None = None,
    tastes: Tastes | None = None,
    earlier: Callable[[], Sequence[DomainKernels]] | None = None,
) -> Path:
    """Trains kernels behind any base, on any kind of batches, and saves them.

    Args:
      config: Settings of the run.
      base: The base; it is frozen.
      make_readers: Makes what makes readers of the base's inputs or knowledge, topics, labels and
        the key `user`; called once the run's folder is locked.
      train: The loop's settings, with the reader's batch size.
      data_fingerprint: Of the dataset.
      topics: Domains of each topic.
      label: See `TrainLoop`.
      any_shape: See `TrainLoop`.
      memory: What trained kernels are to remember; see `learn_memory`.
      tastes: What they are to remember of users; see `learn_memory`.
      earlier: Gives kernels of an earlier day behind this base, which `config.continue_from` names.

    Returns:
      Folder of the kernels.

    Raises:
      SchemaError: The adapter does not fit the base, or `config.beside` has no kernels of other
        topics.
    """
    check_undistributed("fine_tune")
    for topic, domains in topics.items():
        check_domains(topic, domains)
    check_head(config.adapter, base)
    if not is_ours(kind := ADAPTERS[config.adapter]):
        check_adapter(config.adapter, kind, config.adapter_settings, base.knowledge_widths)
    for topic, domains in topics.items():
        with weight_budget(f"kernels of {topic}", SLOTS.get(config.optimizer, 0), len(domains)):
            untrained_kernels(base, {topic: domains[:1]}, config.adapter, config.adapter_settings)
    _warn_of_seen_rows(config, data_fingerprint)
    base_fingerprint = fingerprint(base)
    beside = _beside(config, base, topics, base_fingerprint)
    settings = settings_of(config) | {
        "data_fingerprint": data_fingerprint,
        "base_fingerprint": base_fingerprint,
        "beside_weights": (
            hashes_of_kernels(kernel_folder(config.beside)) if config.beside else {}
        ),
        "continued_kernels": (
            hashes_of_kernels(kernel_folder(config.continue_from)) if config.continue_from else {}
        ),
    }
    with run_folder(config.output, settings, KERNELS):
        reader_of = make_readers()
        in_turn, trial = users_in_turn(reader_of)
        reader = UserClusters(in_turn)
        model = untrained_model(
            base, topics, config.adapter, config.adapter_settings, reader, train
        )
        anchor = Anchor(model, earlier(), config.pull) if earlier else None
        tried: Mapping[str, Tried] = {}
        if config.adapter != MEMORY:  # which has no weights
            steps = reader.steps_per_epoch
            learner = kernel_learner(config, model, steps * train.epochs, trial, beside, anchor)
            TrainLoop(
                learner,
                reader,
                train,
                config.output,
                label=label,
                topics={**base.topics, **topics},
                any_shape=any_shape,
            ).run()
            tried = learner.shrink()
        remembered: Mapping[str, Tried] = {}
        if memory is not None:
            rows: Any = reader_of(None)
            if (features := memory(rows)) is not None:
                names = dict(features)
                if tastes is not None:  # users come last, see `looked_up`
                    named = names.pop(tastes.feature, None) is not None
                    names[tastes.feature] = False
                    features = names if named else features
                remembered = learn_memory(
                    model,
                    lambda: rows.in_order(_ROWS_AT_ONCE),
                    features,
                    joint=config.joint,
                    certainty=config.certainty,
                    beside=beside,
                    before=anchor.memories(names, model.base.tasks) if anchor else None,
                    tastes=tastes,
                )
        save_trial(config.output, topics, tried, remembered)
        for sentence in trial_sentences(config.output):
            say(f"{label}: {sentence}")
        with published_folder(config.output / KERNELS) as temporary:
            for layer in model.kernels:
                others = [x.topic for x in model.kernels if config.joint and x is not layer]
                others += [x.topic for x in beside.kernels] if beside else []
                save_kernels(layer, temporary, base_fingerprint, model.view, others)
        # large, and no longer needed
        shutil.rmtree(config.output / KNOWLEDGE, ignore_errors=True)
    return config.output / KERNELS


def kernel_learner(
    config: FineTuneConfig,
    model: AdaptedModel,
    steps: int,
    trial: tuple[int, int] = (0, 0),
    beside: AdaptedModel | None = None,
    anchor: Anchor | None = None,
) -> KernelLearner:
    """A learner of a model's kernels with the run's settings.

    Args:
      config: Settings of the run.
      model: Base and kernels.
      steps: Steps of the whole run, over which the learning rate falls.
      trial: See `KernelTrial`.
      beside: See `KernelLearner`.
      anchor: See `KernelLearner`.
    """

    def optimizer(factor: float) -> keras.optimizers.Optimizer:
        rate = scheduled_rate(config.rate_schedule, config.learning_rate * factor, steps)
        return OPTIMIZERS[config.optimizer](learning_rate=rate, name=config.optimizer)

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
        anchor=anchor,
    )


def _warn_of_seen_rows(config: FineTuneConfig, data_fingerprint: str) -> None:
    """Warns if the base was trained on the kernels' rows."""
    run = read_settings(config.base) if (config.base / SETTINGS_FILE).is_file() else {}
    seen = sorted(set(run.get("parts", ())) & set(config.parts))
    if seen and run.get("data_fingerprint") == data_fingerprint:
        logging.warning(
            "the base was trained on %s: what it remembers of these rows it will not know of "
            "others, and kernels learn to trust it; train them on rows that the base has not seen",
            ", ".join(seen),
        )


def _beside(
    config: FineTuneConfig,
    base: BaseModel,
    topics: Mapping[str, Sequence[str]],
    base_fingerprint: str,
) -> AdaptedModel | None:
    """The base with the kernels of `config.beside`."""
    if config.beside is None:
        return None
    kernels = load_kernels(kernel_folder(config.beside), base_fingerprint)
    kernels = [layer for layer in kernels if layer.topic not in topics]
    if not kernels:
        raise SchemaError(
            f"{config.beside} has kernels of no other topic than those to be trained, "
            f"{', '.join(topics)}"
        )
    return AdaptedModel(base, kernels)

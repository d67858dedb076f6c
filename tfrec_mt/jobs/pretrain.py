"""`pretrain`: a base model, trained on prepared data."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
from absl import logging

from tfrec_mt.configs import PretrainConfig
from tfrec_mt.errors import DataError, SchemaError, nearest
from tfrec_mt.jobs.opened import Base, Folder, Log, open_base, open_log, run_of
from tfrec_mt.losses.over_replicas import replicas
from tfrec_mt.models.model_store import save_model
from tfrec_mt.models.weight_count import count_weights
from tfrec_mt.storage.names import MODEL
from tfrec_mt.training.averaged_weights import averaged_weights
from tfrec_mt.training.chosen_settings import chosen_settings
from tfrec_mt.training.distribution import run_folder_of_all
from tfrec_mt.training.earlier_run import EarlierRun, LaterEpochs, continued_config
from tfrec_mt.training.optimizers.catalog import OPTIMIZERS
from tfrec_mt.training.optimizers.rate_schedule import scheduled_rate
from tfrec_mt.training.progress import say
from tfrec_mt.training.run_folder import learned_parts, settings_of
from tfrec_mt.training.told_settings import told_settings
from tfrec_mt.training.train_loop import TrainLoop
from tfrec_mt.training.worker import Worker
from tfrec_mt.workloads.catalog import workload_in


def pretrain(
    log: Log | Folder,
    output: Folder,
    *,
    model: str | None = None,
    parts: Sequence[str] = PretrainConfig.parts,
    validation: str | None = None,
    init_from: Base | Folder | None = None,
    continue_from: Base | Folder | None = None,
    **settings: Any,
) -> Base:
    """Trains a base model, or continues one; repeating a killed call resumes it.

    Args:
      log: Prepared data: what `prepare` gave, or its folder.
      output: Run folder to make; the model ends up in its folder `model`.
      model: Of click logs: `olr` (by default), `shared_bottom`, `esmm`, `mmoe`, `ple`, and, told a
        row's domains by `base_topics`, `star`, `pepnet` and `m2m`.
      parts: Parts to train on.
      validation: Part that early stopping (`patience`) looks at.
      init_from: A base whose weights training starts from, with a new optimizer: what `pretrain`
        gave, or its run folder.
      continue_from: A base whose training goes on with these data, which `prepare(like=)` has made
        from the next day's rows: what `pretrain` gave, or its run folder. Tables and the
        optimizer's state are taken over id by id, and settings are that run's unless given.
      settings: Of training, `PretrainConfig` and `TrainConfig` (such as `epochs`, `batch_size`,
        `learning_rate`, `seed`), of news `NewsPretrainConfig` and `make_title_encoder`; and of the
        model, arguments of its class (such as `units`, `base_topics`, of news `auxiliary`).

    Returns:
      The model, a Keras model: `RankingModel` of a click log, `NewsRecommender` of news.

    Raises:
      DataError: There is no such data, or no such part.
      SchemaError: An unknown model or setting, or one that does not fit the data.
      RunFolderError: The output holds a finished run, or one with other settings.
      DivergedError: The loss is no longer finite.

    Example:
      >>> base = mt.pretrain("runs/shop/data", "runs/shop/base", model="mmoe", epochs=2)
    """
    data = open_log(log)
    workload = workload_in(data.path)
    run = {
        "data": data.path,
        "output": Path(output),
        "parts": (parts,) if isinstance(parts, str) else tuple(parts),
        "validation": validation,
        "init_from": run_of(init_from, "init_from") if init_from is not None else None,
    }
    if continue_from is None:
        config = workload.configured(run, model or workload.config_class.model, settings)
    else:
        for name, given in {"model": model, "init_from": init_from}.items():
            if given is not None:
                raise SchemaError(f"{name}: expected none, continue_from says what goes on")
        run["continue_from"] = run_of(continue_from, "continue_from")
        config = continued_config(workload.config_class, run, settings)
    run_pretrain(config)
    return open_base(output, data)


def run_pretrain(config: PretrainConfig, label: str = "pretrain") -> Path:
    """Trains a base model and saves it; the same call resumes a killed run.

    Args:
      config: Settings, of the class that the workload of the data has.
      label: Shown beside the progress bar.

    Returns:
      Folder of the model.
    """
    training = BaseTraining(config)
    with run_folder_of_all(config.output, training.settings, MODEL):
        training.run(label)
    return config.output / MODEL


class BaseTraining:
    """A base with its data, reader and learner, as set up before the first step.

    Settings that cannot work are refused here, before there is a run.

    Args:
      config: See `run_pretrain`.

    Attributes:
      workload: What kind of data it is.
      settings: All that decides the result, as JSON values.

    Raises:
      DataError: No such part.
      SchemaError: Settings that do not exist or do not fit the data.
    """

    def __init__(self, config: PretrainConfig) -> None:
        self.workload = workload = workload_in(config.data)
        if not isinstance(config, workload.config_class):
            raise SchemaError(
                f"{config.data} holds {workload.kind}: expected a "
                f"{workload.config_class.__name__}, got a {type(config).__name__}"
            )
        if config.optimizer not in OPTIMIZERS:
            raise SchemaError(
                f"optimizer={config.optimizer!r}: unknown; {nearest(config.optimizer, OPTIMIZERS)}"
            )
        self.dataset = dataset = workload.dataset_class(config.data)
        self.config = config = chosen_settings(config, dataset)
        if config.validation is not None and config.validation not in dataset.parts:
            raise DataError(
                f"validation: {config.data} has no part {config.validation!r}, but "
                f"{', '.join(dataset.parts)}"
            )
        self.settings = settings_of(config) | {"data_fingerprint": dataset.fingerprint}
        earlier = None
        if config.continue_from is not None:
            earlier = EarlierRun(config.continue_from, dataset)
            self.settings["continued_state"] = earlier.digest
            _warn_of_repeated_rows(config, dataset)
        keras.utils.set_random_seed(config.train.seed)
        if config.init_from is None:
            self.model = workload.new_model(dataset, config)
        else:
            self.model = workload.load_base(config.init_from, dataset)
        self._worker = Worker.current()
        _check_shares(config, workload.any_shape, self._worker)
        self.reader = workload.reader(dataset, config, self._worker)
        self._epochs_before = earlier.epochs if earlier else 0
        if earlier:
            self.reader = LaterEpochs(self.reader, earlier.epochs)
        self._validation = (
            workload.validation(self.model, dataset, config) if config.validation else None
        )
        steps = self.reader.steps_per_epoch * config.train.epochs
        self.optimizer = OPTIMIZERS[config.optimizer](
            learning_rate=scheduled_rate(
                config.rate_schedule,
                config.learning_rate,
                steps,
                config.warm_up,
                config.train.epochs,
                earlier.steps if earlier else 0,
            ),
            weight_decay=config.weight_decay or None,
            use_ema=config.ema_decay > 0,
            ema_momentum=config.ema_decay or 0.99,  # Keras requires one in any case
            name=config.optimizer,  # Keras would number those of one process
        )
        self.learner = workload.learner(self.model, self.optimizer, config)
        if earlier:
            earlier.carry_over(self.learner.variables, self.model)

    def run(self, label: str) -> None:
        """Trains to the end, from the newest checkpoint if there is one, and saves the model."""
        config, model, optimizer = self.config, self.model, self.optimizer
        trained, whole = count_weights(model)
        logging.info("%s: %s of %s weights are trained", label, f"{trained:,}", f"{whole:,}")
        say(f"{label}: {told_settings(config, self.reader.steps_per_epoch)}")
        TrainLoop(
            self.learner,
            self.reader,
            config.train,
            config.output,
            _averaged(self._validation, model, optimizer) if self._validation else None,
            label,
            topics={topic.name: topic.domains for topic in self.dataset.schema.topics},
            any_shape=self.workload.any_shape,
            epochs_before=self._epochs_before,
        ).run()
        if self._worker.is_chief:
            with averaged_weights(model, optimizer):
                save_model(model, config.output / MODEL, self.dataset.vocabularies)


def _check_shares(config: PretrainConfig, any_shape: bool, worker: Worker) -> None:
    """Checks that the replicas can share batches.

    Raises:
      SchemaError: They cannot.
    """
    count = replicas()
    if config.train.batch_size % count:
        raise SchemaError(
            f"batch_size={config.train.batch_size}: expected a multiple of {count}, the devices "
            "that share a batch"
        )
    if any_shape and count > worker.count:
        raise SchemaError(
            "batches of news are not cut for the devices of one process; start a process for each "
            "device, with distribute='multi_worker'"
        )


def _warn_of_repeated_rows(config: PretrainConfig, dataset: Any) -> None:
    assert config.continue_from is not None
    learned = learned_parts(config.continue_from, dataset.fingerprint)
    if again := [part for part in config.parts if part in learned]:
        logging.warning(
            "%s has learned from part %s of %s; its rows count once more",
            config.continue_from,
            ", ".join(again),
            dataset.path,
        )


def _averaged(
    validation: Callable[[], float], model: keras.Model, optimizer: keras.optimizers.Optimizer
) -> Callable[[], float]:
    """Returns a function for the loss of the averaged weights, where there are some."""

    def value() -> float:
        with averaged_weights(model, optimizer):
            return validation()

    return value

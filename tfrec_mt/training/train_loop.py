"""`TrainLoop`: the one training loop of this project."""

import contextlib
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import tensorflow as tf
from absl import logging

from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.data.reading.prefetch import prefetch
from tfrec_mt.errors import DataError
from tfrec_mt.storage.disk_space import check_free_space
from tfrec_mt.storage.names import BEST, CHECKPOINTS
from tfrec_mt.training.checkpoints import CheckpointError, Checkpoints
from tfrec_mt.training.compiled_steps import (
    CompiledSteps,
    Learner,
    StepsResult,
    describe_divergence,
)
from tfrec_mt.training.progress import Progress
from tfrec_mt.training.train_log import TrainLog
from tfrec_mt.training.worker import SigtermRequest, Worker, mean_over_workers


class EarlyStopping:
    """Watches one validation loss per epoch.

    Args:
      patience: Epochs in a row without a new best after which to stop, at least 1.
      values: Values of the epochs so far, in a resumed run.
    """

    def __init__(self, patience: int, values: Sequence[float] = ()) -> None:
        self.patience = patience
        self.values = list(values)

    def add(self, value: float) -> bool:
        """Adds an epoch's value; returns whether it is the best so far.

        Raises:
          DataError: The value is NaN.
        """
        if math.isnan(value):
            raise DataError(
                f"the validation loss of epoch {len(self.values) + 1} is not a number; does the "
                "validation part have a label of each task?"
            )
        better = value < min(self.values, default=math.inf)
        self.values.append(value)
        return better

    @property
    def should_stop(self) -> bool:
        """Whether the best epoch is at least `patience` epochs ago."""
        if not self.values:
            return False
        return len(self.values) - 1 - self.values.index(min(self.values)) >= self.patience


class DivergedError(RuntimeError):
    """The loss is no longer a number."""


class Interrupted(Exception):
    """The process was asked to stop; the run's folder holds a checkpoint of the last step."""


class Reader(Protocol):
    """The source of a loop's batches, such as a `BatchReader`."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""

    def read(self, start_step: int, stop_step: int) -> Batch:
        """The batches of some steps, `[steps, B, ...]`, the same on every call."""


class TrainLoop:
    """Runs a learner over a reader's batches, several steps per call, and resumes exactly.

    A step's batch depends on the seed and its number alone, and everything that a step changes is
    in the checkpoint, so a killed and resumed run ends with the same weights: on a CPU to the bit,
    given the same number of threads; on a GPU only after
    `tf.config.experimental.enable_op_determinism()`.

    With a strategy of several workers, each runs the same loop over its slice of every batch. Only
    the chief writes; all read its checkpoints, so they need one file system. SIGTERM to one of them
    stops all after the same step.

    Args:
      learner: What is trained, made in the strategy's scope.
      reader: The batches; a worker's slices where there are several.
      config: Settings.
      folder: Takes checkpoints, `log.jsonl` and TensorBoard events.
      validate: Loss of the current weights on other rows; called after each epoch if
        `config.patience` is set, and training ends with the best epoch's weights.
      label: Name on the progress bar and in errors.
      topics: Domains by topic in the order of their codes, for the error when training diverges.
      strategy: Distribution strategy; by default the current one.
      epochs_before: Epochs that the learner had learned from before this run.
      any_shape: Whether batches differ in every axis; then `config.steps_per_call` must be 1.
    """

    def __init__(
        self,
        learner: Learner,
        reader: Reader,
        config: TrainConfig,
        folder: Path,
        validate: Callable[[], float] | None = None,
        label: str = "train",
        *,
        topics: Mapping[str, Sequence[str]] | None = None,
        strategy: tf.distribute.Strategy | None = None,
        any_shape: bool = False,
        epochs_before: int = 0,
    ) -> None:
        if config.patience and validate is None:
            raise ValueError("early stopping needs a validation part")
        if any_shape and config.steps_per_call != 1:
            raise ValueError(
                "batches of any shape are learned from one per call, "
                f"got steps_per_call {config.steps_per_call}"
            )
        self.learner = learner
        self.reader = reader
        self.config = config
        self.validate = validate if config.patience else None
        self.label = label
        self.topics = topics or {}
        self.strategy = strategy or tf.distribute.get_strategy()
        self._any_shape = any_shape
        self._epochs_before = epochs_before
        self.worker = Worker.of(self.strategy)
        self.checkpoints = Checkpoints(folder / CHECKPOINTS, learner.variables)
        self.best = Checkpoints(folder / BEST, learner.variables, keep=1)
        self.log = TrainLog(folder)
        self._early_stopping = EarlyStopping(config.patience)
        self._steps: CompiledSteps | None = None

    def run(self) -> None:
        """Trains to the end, from the newest checkpoint if there is one.

        Raises:
          CheckpointError: A checkpoint cannot be written, or none of those found is intact.
          DataError: The reader found a changed file.
          DiskFullError: There is too little space for checkpoints; found before training starts.
          DivergedError: A loss was not finite; earlier checkpoints are kept.
          Interrupted: SIGTERM came; the run can be resumed.
          ValueError: The reader's batches do not have the configured size.
        """
        step, state = self._resume()
        self._early_stopping = EarlyStopping(self.config.patience, state["validation"])
        with contextlib.ExitStack() as stack:
            if self.worker.is_chief:
                # before the first line: a log without this folder has lost its checkpoints
                self.checkpoints.folder.mkdir(parents=True, exist_ok=True)
                self.log.open(step, state["log"])
                stack.callback(self.log.close)
            request = stack.enter_context(SigtermRequest())
            self._train(step, request)
        if self.validate and self.best.restore_latest() is None:
            raise CheckpointError(
                f"{self.best.folder} is missing, which held the weights of the best epoch; restore "
                "it or choose another output folder"
            )

    def _resume(self) -> tuple[int, dict[str, Any]]:
        restored = self.checkpoints.restore_latest()
        if restored is None:
            self._check_nothing_is_lost()
        step, state = restored or (0, {"log": {}, "validation": []})
        # the mean shows whether all workers see the same checkpoints, before any of them writes
        if mean_over_workers(step, self.strategy) != step:
            raise CheckpointError(
                f"worker {self.worker.index} of {self.worker.count} found step {step} in "
                f"{self.checkpoints.folder} and another one a different step; all workers must "
                "see the same folder"
            )
        if step:
            logging.info("%s: resumed at step %d", self.label, step)
        if self.worker.is_chief:
            needed = self.checkpoints.bytes_to_come()
            needed += self.best.bytes_to_come() if self.validate else 0
            check_free_space(self.checkpoints.folder, needed, "the checkpoints to come")
        return step, state

    def _check_nothing_is_lost(self) -> None:
        """Refuses to start over if the log has steps that must have left checkpoints."""
        folder, logged = self.checkpoints.folder, self.log.last_step()
        if logged > (self.config.checkpoint_every if folder.is_dir() else 0):
            raise CheckpointError(
                f"{folder} holds no checkpoint, but {self.log.path} tells of {logged} steps; "
                "training does not start over by itself: restore the folder, or choose another "
                "output folder"
            )

    def _train(self, step: int, request: SigtermRequest) -> None:
        epoch, last = self.reader.steps_per_epoch, self.reader.steps_per_epoch * self.config.epochs
        if self.validate and self._early_stopping.should_stop:
            return
        with contextlib.ExitStack() as stack:
            portions = stack.enter_context(contextlib.closing(self._portions(step, last)))
            progress = None
            if self.worker.is_chief:
                bar = Progress(self.label, last, self.config.batch_size, step)
                progress = stack.enter_context(bar)
            waiting = progress.waiting if progress else contextlib.nullcontext
            while step < last:
                with waiting():
                    stop, batch = next(portions)
                result = self._run_portion(step, stop, batch, request.received)
                step = stop
                self._log(step, result.metrics)
                if progress:
                    progress.advance(step, result.metrics["loss"])
                if self.validate and step % epoch == 0:
                    if self._finish_epoch(step, self.validate):
                        last = step
                    if progress:
                        progress.validated(self._early_stopping.values)
                if step == last or step % self.config.checkpoint_every == 0 or result.stop:
                    self._save(step)
                if result.stop and step < last:
                    raise Interrupted(f"{self.label}: stopped at step {step} of {last}")

    def _portions(self, step: int, last: int) -> Generator[tuple[int, Batch], None, None]:
        """Batches of each call; calls end at the end of an epoch and at each checkpoint."""

        def read() -> Generator[tuple[int, Batch], None, None]:
            start = step
            while start < last:
                stop = min(
                    start + self.config.steps_per_call,
                    _next_multiple(start, self.reader.steps_per_epoch),
                    _next_multiple(start, self.config.checkpoint_every),
                )
                yield stop, self.reader.read(start, stop)
                start = stop

        return prefetch(read(), depth=2)

    def _run_portion(self, step: int, stop: int, batch: Batch, asked: bool) -> StepsResult:
        if self._steps is None:
            rows = next(iter(batch.labels.values())).shape[1]
            if rows * self.worker.count != self.config.batch_size:
                raise ValueError(
                    f"{self.label}: expected batches of {self.config.batch_size} rows over "
                    f"{self.worker.count} workers, the reader gives this one {rows}"
                )
            local = self.strategy.num_replicas_in_sync // self.worker.count
            arrays = batch.features, batch.labels
            self._steps = CompiledSteps(
                self.learner, self.strategy, local, *arrays, self._any_shape
            )
        result = self._steps(batch.features, batch.labels, asked)
        if result.first_bad is not None:
            bad = step + result.first_bad
            kept = max(self.checkpoints.steps(), default=0)
            raise DivergedError(
                f"{self.label}: the loss of step {bad + 1} (batch "
                f"{bad % self.reader.steps_per_epoch + 1} of epoch "
                f"{bad // self.reader.steps_per_epoch + 1}) is not finite; "
                + describe_divergence(batch.features, result.first_bad, result.metrics, self.topics)
                + (f"; the checkpoint of step {kept} is kept" if kept else "")
            )
        return result

    def _finish_epoch(self, step: int, validate: Callable[[], float]) -> bool:
        """Validates, and keeps the weights if they are the best; returns whether to stop."""
        value = mean_over_workers(validate(), self.strategy)
        better = self._early_stopping.add(value)
        self._log(step, {"validation": value})
        if better and self.worker.is_chief:
            self.best.save(step, {"epochs": self._epochs(step)})
        mean_over_workers(value, self.strategy)  # no worker restores the best before it is there
        return self._early_stopping.should_stop

    def _log(self, step: int, values: Mapping[str, float]) -> None:
        if self.worker.is_chief:
            self.log.add(step, values)

    def _save(self, step: int) -> None:
        if self.worker.is_chief:
            state = {
                "log": self.log.flush(),
                "validation": self._early_stopping.values,
                "epochs": self._epochs(step),
            }
            self.checkpoints.save(step, state)

    def _epochs(self, step: int) -> int:
        return self._epochs_before + step // self.reader.steps_per_epoch


def _next_multiple(value: int, factor: int) -> int:
    return (value // factor + 1) * factor

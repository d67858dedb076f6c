"""`TrainLoop`: the one training loop of this project."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging

from tfrec_mt.data.prefetch import prefetch
from tfrec_mt.data.reader import BatchReader
from tfrec_mt.training.checkpoints import Checkpoints
from tfrec_mt.training.learner import Learner
from tfrec_mt.training.progress import Progress
from tfrec_mt.training.train_config import TrainConfig
from tfrec_mt.training.train_log import TrainLog


class DivergedError(RuntimeError):
    """The loss is no longer a number."""


class Interrupted(Exception):
    """The process was asked to stop; a checkpoint of the last step lies in the run's folder."""


class TrainLoop:
    """Runs a learner over a reader's batches, several steps per call, and resumes exactly.

    What a step sees depends on the seed and its number alone, and everything that a step changes is
    in the checkpoint, so a run that was killed and resumed ends with the weights of one that was not.

    Args:
      learner: What is trained.
      reader: Where batches come from.
      config: Settings.
      folder: Takes checkpoints, logs and TensorBoard events.
      validate: Value of the current weights, higher is better; called after each epoch if
        `config.patience` is set.
      label: Shown beside the progress bar.
    """

    def __init__(
        self,
        learner: Learner,
        reader: BatchReader,
        config: TrainConfig,
        folder: Path,
        validate: Callable[[], float] | None = None,
        label: str = "train",
    ) -> None:
        if config.patience and validate is None:
            raise ValueError("early stopping needs a validation part")
        self.learner = learner
        self.reader = reader
        self.config = config
        self.validate = validate if config.patience else None
        self.label = label
        self.checkpoints = Checkpoints(folder / "checkpoints", learner.variables)
        self.best = Checkpoints(folder / "best", learner.variables, keep=1)
        self.log = TrainLog(folder)
        self._call: Any = None
        self._asked_to_stop = False

    def run(self) -> list[dict[str, float]]:
        """Trains to the end, from the newest checkpoint if there is one.

        Returns:
          The log: one entry per call, with `step`, `loss` and each task's loss.

        Raises:
          DivergedError: A loss was not finite; checkpoints from before are kept.
          Interrupted: SIGTERM came; the run can be resumed.
        """
        restored = self.checkpoints.restore_latest()
        step, state = restored or (0, {"log": [], "epochs": []})
        self.log.restore(state["log"])
        if step:
            logging.info("%s: resumed at step %d", self.label, step)
        previous = signal.signal(signal.SIGTERM, self._on_sigterm)
        try:
            self._train(step, state)
        finally:
            signal.signal(signal.SIGTERM, previous)
        return self.log.entries

    def _on_sigterm(self, *_: Any) -> None:
        self._asked_to_stop = True

    def _train(self, step: int, state: dict[str, Any]) -> None:
        last = self.reader.steps_per_epoch * self.config.epochs
        epochs: list[float] = state["epochs"]
        with Progress(self.label, last, self.config.batch_size, step) as progress:
            for stop, features, labels in self._portions(step, last):
                started = time.perf_counter()
                entry = self._run_portion(step, features, labels)
                step = stop
                self.log.add(step, entry)
                progress.advance(step, entry["loss"], time.perf_counter() - started)
                if step % self.reader.steps_per_epoch == 0 and self.validate:
                    epochs.append(self.validate())
                    self._keep_best(step, epochs)
                    if len(epochs) - 1 - epochs.index(max(epochs)) >= self.config.patience:
                        last = step
                if step == last or step % self.config.checkpoint_every == 0 or self._asked_to_stop:
                    self.checkpoints.save(step, {"log": self.log.entries, "epochs": epochs})
                    self.log.flush()
                if step == last:
                    break
                if self._asked_to_stop:
                    raise Interrupted(f"{self.label}: stopped at step {step} of {last}")
        if self.validate:
            self.best.restore_latest()

    def _keep_best(self, step: int, epochs: list[float]) -> None:
        self.log.add(step, {"validation": epochs[-1]})
        if epochs[-1] == max(epochs):
            self.best.save(step, {})

    def _portions(self, step: int, last: int) -> Iterator[tuple[int, Any, Any]]:
        """Batches of each call; a call ends at an epoch's end and at each checkpoint."""

        def read() -> Iterator[tuple[int, Any, Any]]:
            start = step
            while start < last:
                stop = min(
                    start + self.config.steps_per_call,
                    _next_multiple(start, self.reader.steps_per_epoch),
                    _next_multiple(start, self.config.checkpoint_every),
                )
                batch = self.reader.read(start, stop)
                yield stop, batch.features, batch.labels
                start = stop

        return prefetch(read(), depth=2)

    def _run_portion(
        self, step: int, features: Mapping[str, Any], labels: Mapping[str, Any]
    ) -> dict[str, float]:
        if self._call is None:
            self._call = _compile(self.learner, features, labels)
        totals, first_bad = self._call(features, labels)
        if first_bad >= 0:
            raise DivergedError(
                f"{self.label}: the loss of step {step + int(first_bad)} is not finite; "
                f"the checkpoints up to step {max(self.checkpoints.steps(), default=0)} are kept"
            )
        return {name: float(total) for name, total in totals.items()}


def _next_multiple(value: int, factor: int) -> int:
    return (value // factor + 1) * factor


def _compile(learner: Learner, features: Mapping[str, Any], labels: Mapping[str, Any]) -> Any:
    """A graph that runs any number of steps of these shapes and averages what they return."""

    def spec(arrays: Mapping[str, Any]) -> dict[str, tf.TensorSpec]:
        return {
            name: tf.TensorSpec([None, *array.shape[1:]], array.dtype, name=name)
            for name, array in arrays.items()
        }

    def step(i: Any, features: Any, labels: Any) -> dict[str, Any]:
        return learner.step(
            {name: values[i] for name, values in features.items()},
            {name: values[i] for name, values in labels.items()},
        )

    @tf.function(input_signature=[spec(features), spec(labels)], autograph=False)
    def call(features: Any, labels: Any) -> tuple[dict[str, Any], Any]:
        steps = tf.shape(next(iter(labels.values())))[0]

        def body(i: Any, totals: Any, first_bad: Any) -> Any:
            values = step(i, features, labels)
            bad = tf.logical_not(tf.math.is_finite(values["loss"]))
            first_bad = tf.where(bad & (first_bad < 0), i, first_bad)
            return i + 1, {name: totals[name] + values[name] for name in totals}, first_bad

        totals = {name: tf.constant(0.0) for name in learner.metrics}
        _, totals, first_bad = tf.while_loop(
            lambda i, *_: i < steps, body, (0, totals, -1), parallel_iterations=1
        )
        return {name: total / tf.cast(steps, tf.float32) for name, total in totals.items()}, first_bad

    return call

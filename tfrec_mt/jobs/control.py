"""The control of kernels: the base itself continued on their rows, at its own rate."""

import dataclasses
import functools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import tensorflow as tf
from absl import logging

from tfrec_mt.configs import FineTuneConfig, NewsPretrainConfig, PretrainConfig
from tfrec_mt.jobs.pretrain import BaseTraining
from tfrec_mt.storage.folders import write_text
from tfrec_mt.storage.json_files import read_json
from tfrec_mt.storage.names import MODEL
from tfrec_mt.training.compiled_steps import CompiledSteps
from tfrec_mt.training.distribution import check_undistributed
from tfrec_mt.training.run_folder import run_folder

CONTROL_FILE = "control.json"
# Rates are tried from the first, each a factor above or below the last, while the loss falls.
FIRST_RATE, FACTOR, MOST_TRIED = 0.004, 2.0, 7


@dataclass(frozen=True, kw_only=True)
class ControlRate:
    """How a control was trained.

    Args:
      steps: Its steps.
      losses: Loss on rows of held-out users by the rates tried.
    """

    steps: int
    losses: dict[float, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """The rate with the least loss; the first one where no user could be held out."""
        return min(self.losses, key=lambda rate: _or_worst(self.losses[rate]))

    def __str__(self) -> str:
        tried = " ".join(f"{rate:g}" for rate in sorted(self.losses))
        return (
            f"{self.steps} steps at rate {self.rate:g} (chosen from {tried} by log loss of "
            "held-out users)"
        )


_Config = TypeVar("_Config", bound=PretrainConfig)


def control_config(base: _Config, kernels: FineTuneConfig, output: Path) -> _Config:
    """Settings of the control of a base's kernels.

    The control learns from the kernels' rows with as many passes and the same batch size, so it
    takes as many steps. Its rate follows the same schedule. Weights are not averaged: an average
    over so few steps would be close to the base.

    Args:
      base: How the base was trained; its `output` is the base's run.
      kernels: How its kernels are trained.
      output: The control's run folder.
    """
    train = dataclasses.replace(
        base.train,
        batch_size=kernels.train.batch_size,
        epochs=kernels.train.epochs,
        patience=0,
    )
    return dataclasses.replace(
        base,
        output=output,
        parts=kernels.parts,
        chosen=(),
        validation=None,
        init_from=base.output,
        rate_schedule=kernels.rate_schedule,
        warm_up=0.0,
        ema_decay=0.0,
        train=train,
    )


def run_control(config: PretrainConfig, label: str = "control") -> Path:
    """Chooses a rate, then trains the control on all rows; the same call resumes a killed run.

    A rate is judged by the loss, over tasks, on rows of the same parts whose users were held out
    of its training.

    Args:
      config: See `control_config`; its rate does not count, but of news, where the search begins
        with it.
      label: Shown beside the progress bar.

    Returns:
      Folder of the model; `CONTROL_FILE` lies beside it.

    Raises:
      SchemaError: Replicas would share its batches.
    """
    check_undistributed("train_control")
    # pretrained title encoders need rates that are hundreds of times smaller
    first = config.learning_rate if isinstance(config, NewsPretrainConfig) else FIRST_RATE
    training = BaseTraining(dataclasses.replace(config, learning_rate=first))
    settings = training.settings | {"learning_rate": None}
    with run_folder(config.output, settings, MODEL):
        steps = training.reader.steps_per_epoch * config.train.epochs
        measured = functools.partial(_held_out_loss, config)
        chosen = choose_rate(config.output, steps, measured, label, first)
        logging.info("%s: %s", label, chosen)
        BaseTraining(dataclasses.replace(config, learning_rate=chosen.rate)).run(label)
    return config.output / MODEL


def control_rate(run: Path) -> ControlRate | None:
    """How the control in a run's folder was trained; None if its rate was given."""
    path = run / CONTROL_FILE
    if not path.is_file():
        return None
    told: dict[str, Any] = read_json(path)
    losses = {float(rate): _number(loss) for rate, loss in told["losses"].items()}
    return ControlRate(steps=told["steps"], losses=losses)


def control_facts(run: Path) -> dict[str, float]:
    """Steps and rate of the control in a run's folder, for tables."""
    found = control_rate(run)
    return {"steps of the control": found.steps, "its rate": found.rate} if found else {}


def choose_rate(
    run: Path,
    steps: int,
    measured: Callable[[float], float],
    label: str = "control",
    first: float = FIRST_RATE,
) -> ControlRate:
    """Finds the rate with the least loss; rates that a killed search measured are not tried again.

    Args:
      run: Existing folder that takes `CONTROL_FILE`.
      steps: Steps of the control.
      measured: Loss on rows of held-out users after training at a rate.
      label: Shown in the log.
      first: The rate that is tried first.
    """
    found = control_rate(run) or ControlRate(steps=steps)

    def loss(rate: float) -> float:
        if rate not in found.losses:
            found.losses[rate] = measured(rate)
            _write(run, found)
            logging.info("%s: rate %g, held-out loss %.5f", label, rate, found.losses[rate])
        return _or_worst(found.losses[rate])

    best, least = first, loss(first)
    for factor in (FACTOR, 1 / FACTOR):
        while len(found.losses) < MOST_TRIED and loss(best * factor) < least:
            best *= factor
            least = loss(best)
        if best > first:
            break  # below the first rate the loss only rises
    return found


def _held_out_loss(config: PretrainConfig, rate: float) -> float:
    """Loss on rows of held-out users after training on the others; infinite if that diverges."""
    training = BaseTraining(dataclasses.replace(config, learning_rate=rate))
    workload, per_call = training.workload, config.train.steps_per_call
    reader = workload.users_apart(training.reader, training.dataset, config)
    last = reader.steps_per_epoch * config.train.epochs
    run: CompiledSteps | None = None
    for start in range(0, last, per_call):
        batch = reader.read(start, min(start + per_call, last))
        if run is None:
            arrays = batch.features, batch.labels
            alone = tf.distribute.get_strategy()
            run = CompiledSteps(training.learner, alone, 1, *arrays, any_shape=workload.any_shape)
        if run(batch.features, batch.labels, stop=False).first_bad is not None:
            return math.inf
    return reader.loss(training.model, config.task_weights)


def _or_worst(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf


def _write(run: Path, found: ControlRate) -> None:
    told = {
        "rate": found.rate,
        "steps": found.steps,
        "losses": {
            str(rate): loss if math.isfinite(loss) else None
            for rate, loss in sorted(found.losses.items())
        },
    }
    write_text(run / CONTROL_FILE, json.dumps(told, indent=1))


def _number(loss: float | None) -> float:
    return math.inf if loss is None else loss

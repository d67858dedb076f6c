"""Small training runs that tests of the loop share, in this process or in one to be killed."""

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.data.reading.reader import BatchReader
from tfrec_mt.models.online_large_recommender import OnlineLargeRecommender
from tfrec_mt.schema import Task
from tfrec_mt.training.base_learner import BaseLearner
from tfrec_mt.training.compiled_steps import Learner
from tfrec_mt.training.kernel_learner import KernelLearner
from tfrec_mt.training.optimizers.adagrad_decay import AdagradDecay
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam
from tfrec_mt.training.train_loop import TrainLoop
from tfrec_mt.training.user_clusters import UserClusters

BATCH = 64
NOISE = "noise"
Kind = Literal["toy", "base", "kernels"]
Weights = dict[str, np.ndarray[Any, Any]]


class NoisyReader(BatchReader):
    """Adds a passed number to each row: zeros, except where a test puts something else."""

    poison: Mapping[tuple[int, int], float] = {}

    def read(self, start_step: int, stop_step: int) -> Batch:
        batch = super().read(start_step, stop_step)
        noise = 0.0 * batch.labels["ctr"]
        for (step, row), value in self.poison.items():
            if start_step <= step < stop_step:
                noise[step - start_step, row] = value
        batch.features[NOISE] = noise
        return batch


class ToyModel(keras.Model):
    """A table with row-sparse gradients, dropout and a dense layer: every kind of state, fast."""

    tasks = ("ctr",)

    def __init__(self, rows: int, width: int) -> None:
        super().__init__(name="toy")
        self.table = self.add_weight(
            name="table", shape=(rows, width), initializer=keras.initializers.RandomNormal(seed=0)
        )
        self.dropout = keras.layers.Dropout(0.3, seed=1)
        self.dense = keras.layers.Dense(1, name="logit")
        self.dense.build((None, width))
        self.built = True

    def learned_tasks(self) -> tuple[Task, ...]:
        return (Task("ctr"),)

    def call(self, features: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        vectors = tf.gather(self.table.value, features["item_id"])
        vectors = self.dropout(vectors, training=training) + features[NOISE][:, tf.newaxis]
        return {"ctr": tf.sigmoid(self.dense(vectors))}


def toy_learner(dataset: PreparedDataset, width: int = 4) -> BaseLearner:
    model = ToyModel(dataset.schema.vocabulary("item").rows, width)
    return BaseLearner(model, LazyAdam(0.05))


def base_learner(dataset: PreparedDataset, dropout: float = 0.3) -> BaseLearner:
    model = OnlineLargeRecommender(
        dataset.schema, embedding_width=4, units=(8,), heads=2, head_width=2, dropout=dropout
    )
    return BaseLearner(model, AdagradDecay(0.05, decay_steps=5))


def kernel_learner(dataset: PreparedDataset) -> KernelLearner:
    base = base_learner(dataset).model
    kernels = [
        IAK(t.name, t.domains, base.knowledge_widths, (4,), name=t.name)
        for t in dataset.schema.topics
    ]
    model = AdaptedModel(base, kernels)
    # several topics' kernels in one sum, and a trial that reads it too, as by default
    return KernelLearner(model, lambda factor: LazyAdam(0.05 * factor), joint=True, trial=(4, 12))


LEARNERS: Mapping[Kind, Callable[[PreparedDataset], Learner]] = {
    "toy": toy_learner,
    "base": base_learner,
    "kernels": kernel_learner,
}


def values_of(variables: Mapping[str, tf.Variable]) -> Weights:
    """A copy of all variables."""
    return {name: variable.numpy() for name, variable in variables.items()}


def assert_same_weights(found: Weights, expected: Weights) -> None:
    """Compares all weights to the bit."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name, strict=True)


def weights_hash(weights: Weights) -> str:
    """SHA-256 of all weights."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(name.encode() + value.tobytes())
    return digest.hexdigest()


def make_loop(
    dataset: PreparedDataset,
    folder: Path,
    kind: Kind = "toy",
    validate: Callable[[], float] | None = None,
    poison: Mapping[tuple[int, int], float] | None = None,
    **config: Any,
) -> TrainLoop:
    """A loop with a fresh learner, as a new process would have."""
    keras.utils.set_random_seed(0)
    settings = TrainConfig(**{"batch_size": BATCH, "steps_per_call": 3} | config)
    noisy = NoisyReader(dataset, ["train"], BATCH, seed=settings.seed)
    noisy.poison = poison or {}
    reader = UserClusters(noisy) if kind == "kernels" else noisy
    topics = {topic.name: topic.domains for topic in dataset.schema.topics}
    learner = LEARNERS[kind](dataset)
    return TrainLoop(learner, reader, settings, folder, validate, "small", topics=topics)


def fresh_processes() -> ForkServerContext:
    """Makes processes in which TensorFlow is imported, which takes seconds, but not yet used."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


@dataclass(frozen=True)
class ChildRun:
    """A training run in a process of its own.

    Args:
      data: Prepared dataset.
      folder: Takes the run, and the final weights in `weights.npz`.
      kind: Learner.
      config: Settings of the loop.
    """

    data: Path
    folder: Path
    kind: Kind = "toy"
    config: Mapping[str, Any] = field(default_factory=dict)

    def start(self) -> BaseProcess:
        """Starts the process."""
        process = fresh_processes().Process(target=self.train)
        process.start()
        return process

    def finish(self) -> Weights:
        """Runs to the end; returns the final weights."""
        process = self.start()
        process.join()
        assert process.exitcode == 0
        with np.load(self.folder / "weights.npz") as weights:
            return dict(weights)

    def train(self) -> None:
        """What the process does."""
        loop = make_loop(PreparedDataset(self.data), self.folder, self.kind, **self.config)
        loop.run()
        weights = values_of(loop.learner.variables)
        np.savez(self.folder / "weights.npz", **weights)  # type: ignore[arg-type]

    def kill_when(self, due: Callable[[], bool]) -> bool:
        """Starts the run and kills it (-9) as soon as `due`; returns whether it was still running.

        What is due is asked about every millisecond.
        """
        process = self.start()
        while process.is_alive() and not due():
            time.sleep(0.001)
        process.kill()
        process.join()
        return process.exitcode == -9

    def lines(self) -> int:
        """Lines of the log so far."""
        path = self.folder / "log.jsonl"
        return path.read_bytes().count(b"\n") if path.is_file() else 0

    def saving(self) -> bool:
        """Whether a checkpoint is being written."""
        folder = self.folder / "checkpoints"
        return folder.is_dir() and any(name.startswith(".tmp-") for name in os.listdir(folder))


def final_weights(loop: TrainLoop) -> Weights:
    """Runs a loop to its end; returns its weights then."""
    loop.run()
    return values_of(loop.learner.variables)


def final_hash(loop: TrainLoop) -> str:
    """Runs a loop to its end; returns the hash of its weights then."""
    return weights_hash(final_weights(loop))

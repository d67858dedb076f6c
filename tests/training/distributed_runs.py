"""A small run on a strategy of several replicas, in a process of its own.

`python -m tests.training.distributed_runs DATA FOLDER WORKER WORKERS REPLICAS` trains as one of
some workers, each with some replicas, and leaves the weights in `FOLDER/weights-WORKER.npz`.
"""

import json
import os
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tests.training.small_runs import BATCH, values_of
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.reader import BatchReader
from tfrec_mt.models.online_large_recommender import OnlineLargeRecommender
from tfrec_mt.training.base_learner import BaseLearner
from tfrec_mt.training.optimizers.adagrad_decay import AdagradDecay
from tfrec_mt.training.train_loop import Interrupted, TrainLoop

FIRST_PORT = 23450
EXIT_INTERRUPTED = 75


def strategy_of(worker: int, workers: int, replicas: int) -> tf.distribute.Strategy:
    """A strategy over so many processes or devices."""
    if workers > 1:
        ports = range(FIRST_PORT, FIRST_PORT + workers)
        cluster = {
            "cluster": {"worker": [f"127.0.0.1:{port}" for port in ports]},
            "task": {"type": "worker", "index": worker},
        }
        os.environ["TF_CONFIG"] = json.dumps(cluster)
        return tf.distribute.MultiWorkerMirroredStrategy()
    if replicas > 1:
        processor = tf.config.list_physical_devices("CPU")[0]
        devices = [tf.config.LogicalDeviceConfiguration()] * replicas
        tf.config.set_logical_device_configuration(processor, devices)
        return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(replicas)])
    return tf.distribute.get_strategy()


def train(data: Path, folder: Path, worker: int, workers: int, replicas: int) -> None:
    """Trains one worker's share.

    Nothing may depend on which rows are together on a replica, so there is neither dropout nor, as
    the data has no exposure features, a debias tower, which looks at its batch as a whole.
    """
    strategy = strategy_of(worker, workers, replicas)
    dataset = PreparedDataset(data)
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = OnlineLargeRecommender(
            dataset.schema, embedding_width=4, units=(8,), heads=2, head_width=2
        )
        share = 1 / strategy.num_replicas_in_sync
        optimizer = AdagradDecay(0.05, decay_steps=5)
        learner = BaseLearner(model, optimizer, dict.fromkeys(model.tasks, share))
    config = TrainConfig(batch_size=BATCH, epochs=2, steps_per_call=2, checkpoint_every=6)
    reader = BatchReader(dataset, ["train"], BATCH, seed=0, worker=worker, workers=workers)
    TrainLoop(learner, reader, config, folder, strategy=strategy).run()
    weights = values_of(learner.variables)
    np.savez(folder / f"weights-{worker}.npz", **weights)  # type: ignore[arg-type]


if __name__ == "__main__":
    try:
        train(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
    except Interrupted as error:
        print(error)
        sys.exit(EXIT_INTERRUPTED)

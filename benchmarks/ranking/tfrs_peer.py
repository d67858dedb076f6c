"""MMoE without sequences as a `tfrs.Model` with two `tfrs.tasks.Ranking`, trained by `fit`.

TensorFlow Recommenders runs on Keras 2, so the process needs TF_USE_LEGACY_KERAS=1.
"""

import sys
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from benchmarks.ranking.world import FEATURES, UNITS, World
from benchmarks.support.contest import settings_of_process
from benchmarks.support.fit import serve_fit

RATE, WIDTH, EXPERTS = 0.005, 8, 2
TASKS = ("ctr", "ctcvr")
keras = tf.keras


class MMoE(tfrs.Model):
    """Two tables, two experts, a gate and a logit per task."""

    def __init__(self, world: World) -> None:
        super().__init__()
        half = world.table_rows // 2
        self.tables = {side: keras.layers.Embedding(half, WIDTH) for side in ("user", "item")}
        self.experts = [
            keras.Sequential(
                [keras.layers.Dense(u, activation=keras.layers.LeakyReLU(0.01)) for u in UNITS]
            )
            for _ in range(EXPERTS)
        ]
        self.gates = {
            task: keras.layers.Dense(EXPERTS, activation="softmax", use_bias=False)
            for task in TASKS
        }
        self.heads = {task: keras.layers.Dense(1, activation="sigmoid") for task in TASKS}
        self.tasks = {
            task: tfrs.tasks.Ranking(
                keras.losses.BinaryCrossentropy(
                    reduction=keras.losses.Reduction.SUM_OVER_BATCH_SIZE
                )
            )
            for task in TASKS
        }

    def call(self, features: dict[str, Any]) -> dict[str, Any]:
        flat = tf.concat(
            [
                keras.layers.Flatten()(
                    table(tf.stack([features[f"{side}_{i}"] for i in range(FEATURES)], axis=1))
                )
                for side, table in self.tables.items()
            ],
            axis=1,
        )
        experts = tf.stack([expert(flat) for expert in self.experts], axis=1)
        return {
            task: self.heads[task](tf.reduce_sum(gate(flat)[:, :, tf.newaxis] * experts, axis=1))
            for task, gate in self.gates.items()
        }

    def compute_loss(self, inputs: Any, training: bool = False) -> Any:
        features, labels = inputs
        chances = self(features)
        return tf.add_n(
            [
                self.tasks[task](labels=labels[task][:, tf.newaxis], predictions=chances[task])
                for task in TASKS
            ]
        )


def main() -> None:
    """Trains on request."""
    world = World(**settings_of_process(sys.argv))
    keras.utils.set_random_seed(0)
    model = MMoE(world)
    model.compile(keras.optimizers.legacy.Adagrad(RATE, initial_accumulator_value=0.1))
    data = tf.data.Dataset.from_tensor_slices(world.arrays()).cache()
    serve_fit({"tensorflow_recommenders": tfrs.__version__}, model, data)


if __name__ == "__main__":
    main()

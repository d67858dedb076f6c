"""Step time against the rows of the embedding table, ours and plain Keras, in one run.

Both train on the same ids: 20 features of one vocabulary, embedding width 8, layers of 1024, 512
and 256 units (IAK paper, appendix C; ours is MMoE with two such experts), Adagrad. Sizes alternate,
so that a drift of the machine hits them alike. What is compared is each path's growth from the
smallest to the largest table, not one path with the other.

  python benchmarks/step_time_by_table_rows.py
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from tfrec_mt.models.mmoe import MMoE
from tfrec_mt.schema import CategoricalFeature, Keys, Labels, Schema, Vocabulary
from tfrec_mt.training.base_learner import BaseLearner
from tfrec_mt.training.optimizers.adagrad_decay import AdagradDecay

_SIZES = flags.DEFINE_list("sizes", ["10000", "1000000", "10000000"], "Rows of the table.")
_BATCH = flags.DEFINE_integer("batch_size", 1024, "Rows of a step.", lower_bound=1)
_STEPS = flags.DEFINE_integer("steps", 20, "Steps of one timing.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Timings of each path and size.", lower_bound=1)

FEATURES = 20
WIDTH = 8
UNITS = (1024, 512, 256)


def _batches(rows: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (_STEPS.value, _BATCH.value)
    ids = {f"f{i}": rng.integers(1, rows, shape, np.int32) for i in range(FEATURES)}
    return ids, (rng.random(shape) < 0.1).astype(np.float32)


def ours(rows: int) -> Callable[[], Any]:
    """Our model and loop: all steps of a timing in one call."""
    schema = Schema(
        vocabularies=(Vocabulary(name="ids", dtype="int64", size=rows - 2),),
        features=tuple(
            CategoricalFeature(name=f"f{i}", vocabulary="ids", side="item" if i else "user")
            for i in range(FEATURES)
        ),
        labels=Labels(click="click"),
        keys=Keys(user="f0", item="f1"),
    )
    model = MMoE(schema, embedding_width=WIDTH, units=UNITS)
    learner = BaseLearner(model, AdagradDecay(learning_rate=0.01))
    features, labels = _batches(rows)
    inputs = {name: tf.constant(value) for name, value in features.items()}
    targets = tf.constant(labels)

    @tf.function
    def run() -> Any:
        loss = tf.constant(0.0)
        for step in tf.range(_STEPS.value):
            batch = {name: value[step] for name, value in inputs.items()}
            loss = learner.step(batch, {"ctr": targets[step]})["loss"]
        return loss

    return lambda: run().numpy()


def plain_keras(rows: int) -> Callable[[], Any]:
    """The same network from Keras' own layers, trained by `fit`."""
    inputs = {f"f{i}": keras.Input((), dtype="int32", name=f"f{i}") for i in range(FEATURES)}
    embedding = keras.layers.Embedding(rows, WIDTH)
    hidden = keras.layers.Concatenate()([embedding(value) for value in inputs.values()])
    for units in UNITS:
        hidden = keras.layers.LeakyReLU(0.01)(keras.layers.Dense(units)(hidden))
    output = keras.layers.Dense(1, activation="sigmoid")(hidden)
    model = keras.Model(inputs, output)
    model.compile(keras.optimizers.Adagrad(0.01), "binary_crossentropy")
    features, labels = _batches(rows)
    data = tf.data.Dataset.from_tensor_slices((features, labels)).cache()
    return lambda: model.fit(data, verbose=0)


def main(_: list[str]) -> None:
    """Times every path and size in turn and prints medians and growth."""
    sizes = [int(size) for size in _SIZES.value]
    paths = {"tfrec_mt": ours, "keras fit": plain_keras}
    runs = {(name, size): path(size) for name, path in paths.items() for size in sizes}
    seconds: dict[tuple[str, int], list[float]] = {key: [] for key in runs}
    for run in runs.values():  # traces and warms up
        run()
    for _ in range(_ROUNDS.value):
        for key, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[key].append((time.perf_counter() - start) / _STEPS.value)
    print(f"tensorflow {tf.__version__}, keras {keras.__version__}, batch {_BATCH.value}")
    print(f"{'path':<10} {'rows':>12} {'ms a step':>10} {'min':>8} {'max':>8} {'growth':>7}")
    for name in paths:
        smallest = statistics.median(seconds[name, sizes[0]])
        for size in sizes:
            found = sorted(seconds[name, size])
            median = statistics.median(found)
            print(
                f"{name:<10} {size:>12,} {median * 1e3:>10.1f} {found[0] * 1e3:>8.1f} "
                f"{found[-1] * 1e3:>8.1f} {median / smallest:>6.2f}x"
            )


if __name__ == "__main__":
    app.run(main)

"""Our training from a prepared dataset, as a contender; reads ahead like the training loop."""

import sys
import time
from collections.abc import Iterator

import keras
import tensorflow as tf

from benchmarks.ranking.world import UNITS
from benchmarks.support.contest import serve, settings_of_process
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.data.reading.prefetch import prefetch
from tfrec_mt.data.reading.reader import BatchReader
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.training.base_learner import BaseLearner
from tfrec_mt.training.compiled_steps import CompiledSteps
from tfrec_mt.training.optimizers.adagrad_decay import AdagradDecay
from tfrec_mt.training.share_cores import share_cores

RATE, STEPS_PER_CALL = 0.005, 8


def main() -> None:
    """Reads and trains on request."""
    share_cores()
    settings = settings_of_process(sys.argv)
    dataset = PreparedDataset(settings["data"])
    reader = BatchReader(dataset, ["train"], settings["batch_size"], seed=0)
    keras.utils.set_random_seed(0)
    model = RANKING_MODELS["olr"](
        dataset.schema, precision=settings["precision"], units=UNITS, name="model"
    )
    learner = BaseLearner(model, AdagradDecay(RATE))
    first = reader.read(0, STEPS_PER_CALL)
    strategy = tf.distribute.get_strategy()
    steps = CompiledSteps(learner, strategy, 1, first.features, first.labels)
    at = 0

    def portions(count: int) -> Iterator[Batch]:
        nonlocal at
        for _ in range(count // STEPS_PER_CALL):
            yield reader.read(at, at + STEPS_PER_CALL)
            at += STEPS_PER_CALL

    def read(count: int) -> float:
        start = time.perf_counter()
        for _ in portions(count):
            pass
        return time.perf_counter() - start

    def train(count: int) -> tuple[float, float]:
        """Seconds of training, and how many of them were spent waiting for a batch."""
        batches = prefetch(portions(count))
        start, waited = time.perf_counter(), 0.0
        while True:
            asked = time.perf_counter()
            batch = next(batches, None)
            waited += time.perf_counter() - asked
            if batch is None:
                return time.perf_counter() - start, waited
            steps(batch.features, batch.labels, False)

    def compute(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count // STEPS_PER_CALL):
            steps(first.features, first.labels, False)
        return time.perf_counter() - start

    about = {"tensorflow": tf.__version__, "keras": keras.__version__}
    serve(about, {"read": read, "train": train, "compute": compute})


if __name__ == "__main__":
    main()

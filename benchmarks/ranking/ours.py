"""Our ranking models and training step, as a contender."""

import sys
import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks.ranking.world import UNITS, World
from benchmarks.support.contest import serve, settings_of_process
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.storage.variables import named_variables
from tfrec_mt.training.base_learner import BaseLearner
from tfrec_mt.training.compiled_steps import CompiledSteps
from tfrec_mt.training.optimizers.adagrad_decay import AdagradDecay
from tfrec_mt.training.share_cores import share_cores

RATE = 0.005


def main() -> None:
    """Trains on request."""
    share_cores()
    world = World(**settings_of_process(sys.argv))
    keras.utils.set_random_seed(0)
    model = RANKING_MODELS[world.model](
        world.schema, precision=world.precision, units=UNITS, name="model"
    )
    learner = BaseLearner(model, AdagradDecay(RATE))
    features, labels = world.arrays()
    steps = CompiledSteps(learner, tf.distribute.get_strategy(), 1, features, labels)

    def some(count: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        at = np.arange(count) % world.batches
        return {n: v[at] for n, v in features.items()}, {n: v[at] for n, v in labels.items()}

    def timed(count: int) -> float:
        rows = some(count)
        start = time.perf_counter()
        steps(*rows, False)
        return time.perf_counter() - start

    def losses(count: int) -> list[float]:
        found = []
        for i in range(count):
            at = [i % world.batches]
            batch = [{name: v[at] for name, v in group.items()} for group in (features, labels)]
            found.append(steps(*batch, False).metrics["loss"])
        return found

    def save(path: str) -> int:
        values = {name: v.numpy() for name, v in named_variables(model).items()}
        np.savez(path, **{name.replace("/", "|"): value for name, value in values.items()})
        return len(values)

    about = {"tensorflow": tf.__version__, "keras": keras.__version__}
    serve(about, {"time": timed, "losses": losses, "save": save})


if __name__ == "__main__":
    main()

"""Our training of kernels behind a frozen base, as a contender.

`way` selects how: `together` trains all kernels of all topics on mixed batches; `short` does so
with the base's products in bfloat16; `kept` does so from knowledge computed beforehand; `alone`
trains one kernel of one topic through the base, on rows of its domain.
"""

import sys
import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks.ranking.world import UNITS, World
from benchmarks.support.contest import serve, settings_of_process
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.adapters.knowledge_view import KnowledgeView
from tfrec_mt.data.reading.batch import Arrays
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.training.compiled_steps import CompiledSteps
from tfrec_mt.training.kernel_learner import KernelLearner
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam
from tfrec_mt.training.share_cores import share_cores

RATE = 0.02


def keep(base: RankingModel, features: Arrays) -> Arrays:
    """The batches with the base's knowledge in place of its inputs."""
    forward = tf.function(base.knowledge)
    steps = len(next(iter(features.values())))
    known = [forward({name: v[i] for name, v in features.items()}) for i in range(steps)]
    own = base.knowledge_width - base.shared_knowledge_width
    whole = {task: np.stack([k[task] for k in known]).astype(np.float16) for task in base.tasks}
    kept = {f"knowledge_{task}": values[..., :own] for task, values in whole.items()}
    kept["knowledge"] = whole[base.tasks[0]][..., own:]
    names = [topic.name for topic in base.schema.topics]
    names += [feature.name for feature in base.schema.side("exposure")]
    return kept | {name: features[name] for name in names}


def main() -> None:
    """Trains on request."""
    share_cores()
    settings = settings_of_process(sys.argv)
    way = settings.pop("way")
    world = World(**settings)
    keras.utils.set_random_seed(0)
    base = RANKING_MODELS[world.model](world.schema, units=UNITS, name="model")
    if way == "short":
        base.set_serving_precision("bfloat16")
    widths = base.knowledge_widths
    features, labels = world.arrays()
    topics = world.schema.topics[:1] if way == "alone" else world.schema.topics
    view = KnowledgeView(widths)
    kernels = [
        IAK(
            t.name,
            t.domains[:1] if way == "alone" else t.domains,
            widths,
            seen_widths=view.seen_widths,
        )
        for t in topics
    ]
    model = AdaptedModel(base, kernels, view)
    learner = KernelLearner(model, lambda factor: LazyAdam(RATE * factor))
    if way == "alone":
        features[topics[0].name][:] = 1
    if way == "kept":
        features = keep(base, features)
    steps = CompiledSteps(learner, tf.distribute.get_strategy(), 1, features, labels)

    def timed(count: int) -> float:
        at = np.arange(count) % world.batches
        batches = [{name: v[at] for name, v in group.items()} for group in (features, labels)]
        start = time.perf_counter()
        steps(*batches, False)
        return time.perf_counter() - start

    serve({"tensorflow": tf.__version__}, {"time": timed})


if __name__ == "__main__":
    main()

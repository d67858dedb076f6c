import numpy as np
import tensorflow as tf

from tests.worlds import random_batch, small_model, small_schema
from tfrec_mt.training.base_learner import BaseLearner
from tfrec_mt.training.gradient_surgery import SURGERIES
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam


def test_a_ranking_model_learns_with_every_kind_of_surgery() -> None:
    schema = small_schema()
    features, labels = random_batch(schema, 40)
    for surgery in SURGERIES:
        learner = BaseLearner(small_model("mmoe", schema), LazyAdam(0.01), None, surgery)
        step = tf.function(lambda learner=learner: learner.step(features, labels), autograph=False)
        losses = [float(step()["loss"]) for _ in range(25)]
        assert np.isfinite(losses).all()
        assert losses[-1] < 0.7 * losses[0], surgery

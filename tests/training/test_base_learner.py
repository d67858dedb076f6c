import numpy as np
import tensorflow as tf

from tests.worlds import random_batch, small_model, small_schema
from tfrec_mt.configs.choices import PRECISIONS, SURGERIES
from tfrec_mt.training.base_learner import BaseLearner
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


def test_bfloat16_products_learn_what_float32_ones_learn() -> None:
    schema = small_schema()
    features, labels = random_batch(schema, 200)
    ends = []
    for precision in PRECISIONS:
        model = small_model("olr", schema, precision=precision)
        learner = BaseLearner(model, LazyAdam(0.01))
        step = tf.function(lambda learner=learner: learner.step(features, labels), autograph=False)
        losses = [float(step()["loss"]) for _ in range(25)]
        assert all(weight.dtype == "float32" for weight in model.trainable_variables)
        assert losses[-1] < 0.7 * losses[0]
        ends.append(losses[-1])
    assert ends[0] != ends[1]
    assert abs(ends[0] - ends[1]) < 0.05 * ends[0]

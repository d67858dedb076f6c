import keras
import numpy as np
import tensorflow as tf

from tests.adapters.longhand import kept_batch, widths_of
from tests.worlds import small_model, small_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.bottleneck import Bottleneck
from tfrec_mt.adapters.iak import IAK
from tfrec_mt.training.kernel_learner import KernelLearner
from tfrec_mt.training.optimizers.lazy_adam import LazyAdam

SCHEMA = small_schema()


def _trained(kind: type[Bottleneck], kl_weight: float) -> list[np.ndarray]:
    base, topic = small_model("esmm", SCHEMA), SCHEMA.topic("period")
    keras.utils.set_random_seed(5)
    layer = kind(topic.name, topic.domains, widths_of(base), encoder_units=(6, 5))
    model = AdaptedModel(base, [layer])
    learner = KernelLearner(model, lambda factor: LazyAdam(0.1 * factor), kl_weight)
    step = tf.function(learner.step)
    for seed in range(4):
        step(*kept_batch(base, 50, seed))
    return [weight.numpy() for weight in layer.weights]


def test_it_is_iak_without_its_information_term() -> None:
    without, weightless, iak = (
        _trained(kind, weight) for kind, weight in ((Bottleneck, 1.0), (IAK, 0.0), (IAK, 1.0))
    )
    for found, expected in zip(without, weightless, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(without, iak, strict=True))

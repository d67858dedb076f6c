"""What holds for every layer: it can be described, made again and asked for its shapes."""

import importlib
import json
import pkgutil
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfrec_mt.layers
from tests.worlds import random_batch, randomise, small_schema
from tfrec_mt.layers.additive_attention import AdditiveAttention
from tfrec_mt.layers.debias_tower import DebiasTower
from tfrec_mt.layers.dense_net import DenseNet
from tfrec_mt.layers.expert_mixture import ExpertMixture
from tfrec_mt.layers.front_end import FrontEnd
from tfrec_mt.layers.fused_embedding import FusedEmbedding
from tfrec_mt.layers.gate_unit import GatedNet, GateUnit
from tfrec_mt.layers.hash_retrieval import HashRetrieval
from tfrec_mt.layers.meta_unit import MetaUnit
from tfrec_mt.layers.partitioned_norm import PartitionedNorm
from tfrec_mt.layers.progressive_extraction import ProgressiveExtraction
from tfrec_mt.layers.self_attention import SelfAttention
from tfrec_mt.layers.star_net import StarNet
from tfrec_mt.layers.target_attention import TargetAttention

SCHEMA = small_schema(long=9)
ROWS = 6


def normal(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


def sequence() -> tuple[Any, Any, Any]:
    return normal(ROWS, 2, 4), normal(ROWS, 9, 5), np.arange(9) < np.arange(ROWS)[:, np.newaxis]


Case = tuple[Callable[[], keras.layers.Layer], Callable[[], tuple[Any, ...]]]
# No argument has its default, so that a forgotten one shows.
CASES: dict[type[keras.layers.Layer], Case] = {
    AdditiveAttention: (
        lambda: AdditiveAttention(units=3),
        lambda: (normal(ROWS, 9, 5), np.arange(9) < np.arange(ROWS)[:, np.newaxis]),
    ),
    SelfAttention: (
        lambda: SelfAttention(heads=3, head_width=2),
        lambda: (normal(ROWS, 9, 5), np.arange(9) < np.arange(ROWS)[:, np.newaxis]),
    ),
    DebiasTower: (
        lambda: DebiasTower(SCHEMA, width=3, units=(5, 4)),
        lambda: (random_batch(SCHEMA, ROWS)[0],),
    ),
    DenseNet: (
        lambda: DenseNet((4, 3), dropout=0.5, negative_slope=0.2, precision="bfloat16"),
        lambda: (normal(ROWS, 5),),
    ),
    ExpertMixture: (
        lambda: ExpertMixture(
            ("buy", "ctr"), experts=3, units=(4,), dropout=0.5, precision="bfloat16"
        ),
        lambda: (normal(ROWS, 5),),
    ),
    ProgressiveExtraction: (
        lambda: ProgressiveExtraction(
            ("buy", "ctr"), experts=3, units=(4,), last=True, dropout=0.5, precision="bfloat16"
        ),
        lambda: ({name: normal(ROWS, 5) for name in ("buy", "ctr", "shared")},),
    ),
    GateUnit: (lambda: GateUnit(width=4, hidden=3), lambda: (normal(ROWS, 5),)),
    GatedNet: (
        lambda: GatedNet((4, 3), hidden=2, dropout=0.5, negative_slope=0.2),
        lambda: (normal(ROWS, 5), normal(ROWS, 6)),
    ),
    MetaUnit: (
        lambda: MetaUnit(negative_slope=0.2, activate=False),
        lambda: (normal(ROWS, 2, 5), normal(ROWS, 3)),
    ),
    PartitionedNorm: (
        lambda: PartitionedNorm(domains=2, momentum=0.5, epsilon=0.1),
        lambda: (normal(ROWS, 5), np.arange(ROWS) % 3),
    ),
    StarNet: (
        lambda: StarNet(2, (4, 3), dropout=0.5, negative_slope=0.2),
        lambda: (normal(ROWS, 5), np.arange(ROWS, dtype=np.int32) % 3),
    ),
    FrontEnd: (
        lambda: FrontEnd(
            SCHEMA, width=3, base_topics=("scene",), heads=2, head_width=5, long_top=3
        ),
        lambda: (random_batch(SCHEMA, ROWS)[0],),
    ),
    FusedEmbedding: (
        lambda: FusedEmbedding({"z": 3, "a": 4}, {"f": "a", "g": "z"}, width=2, stddev=0.3),
        lambda: ({"f": np.ones(ROWS, np.int32), "g": np.zeros(ROWS, np.int32)},),
    ),
    HashRetrieval: (
        lambda: HashRetrieval(top=3, bits=7, seed=4),
        lambda: (normal(ROWS, 2, 5), normal(ROWS, 9, 5), np.ones((ROWS, 9), bool)),
    ),
    TargetAttention: (lambda: TargetAttention(heads=2, head_width=5), sequence),
}


def all_layers() -> set[type[keras.layers.Layer]]:
    for module in pkgutil.iter_modules(tfrec_mt.layers.__path__, "tfrec_mt.layers."):
        importlib.import_module(module.name)
    registered = keras.saving.get_custom_objects().values()
    return {kind for kind in registered if kind.__module__.startswith("tfrec_mt.layers.")}


def built(kind: type[keras.layers.Layer]) -> keras.layers.Layer:
    make, inputs = CASES[kind]
    layer = make()
    layer(*inputs())
    randomise(layer)
    return layer


def test_no_layer_is_forgotten() -> None:
    assert set(CASES) == all_layers()


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_round_trip_through_json_gives_equal_outputs(kind: type[keras.layers.Layer]) -> None:
    layer = built(kind)
    inputs = CASES[kind][1]()
    text = json.dumps(keras.saving.serialize_keras_object(layer))
    again = keras.saving.deserialize_keras_object(json.loads(text))
    assert json.dumps(again.get_config()) == json.dumps(layer.get_config())
    again(*inputs)
    assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]
    again.set_weights(layer.get_weights())
    keras.tree.map_structure(
        lambda a, b: np.testing.assert_array_equal(a.numpy(), b.numpy()),
        again(*inputs),
        layer(*inputs),
    )


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_compute_output_shape_agrees_with_the_output(kind: type[keras.layers.Layer]) -> None:
    layer = built(kind)
    inputs = CASES[kind][1]()
    # the batch is left open, as it is where Keras asks
    shapes = [
        {name: (None, *v.shape[1:]) for name, v in given.items()}
        if isinstance(given, dict)
        else (None, *given.shape[1:])
        for given in inputs
    ]
    promised = layer.compute_output_shape(*shapes)
    found = layer(*inputs)
    if not isinstance(found, dict):
        promised, found = {"": promised}, {"": found}
    assert {n: tuple(shape) for n, shape in promised.items()} == {
        n: (None, *v.shape[1:]) for n, v in found.items()
    }


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_every_trainable_weight_gets_a_gradient(kind: type[keras.layers.Layer]) -> None:
    layer = built(kind)
    with tf.GradientTape() as tape:
        outputs = keras.tree.flatten(layer(*CASES[kind][1]()))
        loss = tf.add_n([tf.reduce_sum(output**2) for output in outputs])
    gradients = tape.gradient(loss, [weight.value for weight in layer.trainable_weights])
    missing = [w.path for w, g in zip(layer.trainable_weights, gradients, strict=True) if g is None]
    assert missing == []

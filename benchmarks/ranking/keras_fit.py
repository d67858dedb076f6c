"""The benchmarked ranking models as commonly written in Keras, trained by `fit`: a contender."""

import sys
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from benchmarks.ranking.world import ELEMENTS, FEATURES, POSITIONS, UNITS, World
from benchmarks.support.contest import settings_of_process
from benchmarks.support.fit import serve_fit

RATE = 0.005
WIDTH, HEADS, HEAD_WIDTH = 8, 8, 8
EXPERTS = 2
TOP, BITS = 32, 48
TASKS = ("ctr", "ctcvr")


class Retrieval(layers.Layer):
    """Indices of the clicks with the most hash bits in common with the target."""

    def build(self, target_shape: Any, keys_shape: Any, seen_shape: Any) -> None:
        shape = (target_shape[-1], BITS)
        self.projection = self.add_weight(shape, "random_normal", trainable=False)

    def call(self, target: Any, keys: Any, seen: Any) -> Any:
        wanted, signs = (ops.sign(ops.matmul(x, self.projection)) for x in (target, keys))
        similarity = ops.einsum("bk,blk->bl", wanted, signs)
        return ops.top_k(ops.where(seen, similarity, -1e9), min(TOP, keys.shape[1]))[1]

    def compute_output_spec(self, target: Any, keys: Any, seen: Any) -> Any:
        return keras.KerasTensor((None, min(TOP, keys.shape[1])), "int32")


class Attention(layers.Layer):
    """Multi-head attention of one target over a history."""

    def build(self, target_shape: Any, history_shape: Any, seen_shape: Any) -> None:
        shape = (HEADS, HEAD_WIDTH)
        self.query = self.add_weight((target_shape[-1], *shape))
        self.key = self.add_weight((history_shape[-1], *shape))
        self.value = self.add_weight((history_shape[-1], *shape))

    def call(self, target: Any, history: Any, seen: Any) -> Any:
        query = ops.einsum("bq,qhd->bhd", target, self.query)
        query = ops.einsum("bhd,xhd->bhx", query, self.key) * HEAD_WIDTH**-0.5
        scores = ops.einsum("bhx,blx->bhl", query, history)
        weights = ops.softmax(ops.where(seen[:, None], scores, -1e9))
        attended = ops.einsum("bhl,blx->bhx", weights, history)
        return ops.reshape(ops.einsum("bhx,xhd->bhd", attended, self.value), (-1, HEADS * WIDTH))

    def compute_output_spec(self, target: Any, history: Any, seen: Any) -> Any:
        return keras.KerasTensor((None, HEADS * HEAD_WIDTH))


def network(world: World) -> keras.Model:
    """Builds the model on ids that are rows of one table."""
    inputs = {"flat": keras.Input((2 * FEATURES,), dtype="int32", name="flat")}
    table = layers.Embedding(world.table_rows + 33, WIDTH)
    flat = layers.Flatten()(table(inputs["flat"]))
    parts = [flat]
    if world.short:
        length = max(world.short, world.long)
        inputs["history"] = keras.Input((length, ELEMENTS + 1), dtype="int32", name="history")
        inputs["mask"] = keras.Input((length,), dtype="bool", name="mask")
        history, mask = inputs["history"], inputs["mask"]
        target = flat[:, FEATURES * WIDTH :][:, : ELEMENTS * WIDTH]

        def embedded(ids: Any) -> Any:
            return layers.Reshape((ids.shape[1], -1))(table(ids))

        recent = embedded(history[:, : world.short])
        parts.append(Attention()(target, recent, mask[:, : world.short]))
        if world.long:
            keys = ops.stop_gradient(embedded(history[:, :, :ELEMENTS]))
            places = Retrieval()(target, keys, mask)
            found = ops.take_along_axis(history, places[:, :, None], 1)
            seen = ops.take_along_axis(mask, places, 1)
            parts.append(Attention()(target, embedded(found), seen))
    flat = ops.concatenate(parts, -1) if len(parts) > 1 else flat
    experts = []
    for _ in range(EXPERTS):
        hidden = flat
        for units in UNITS:
            hidden = layers.LeakyReLU(0.01)(layers.Dense(units)(hidden))
        experts.append(hidden)
    stacked = ops.stack(experts, 1)
    chances = {}
    for task in TASKS:
        gate = layers.Dense(EXPERTS, "softmax", use_bias=False)(flat)
        known = ops.sum(gate[:, :, None] * stacked, 1)
        if world.model == "olr":
            known = ops.concatenate([known, flat], -1)
        logit = layers.Dense(1)(known)
        if task == "ctr" and world.debias:
            inputs["position"] = keras.Input((), dtype="int32", name="position")
            hidden = layers.LeakyReLU(0.01)(
                layers.Dense(16)(layers.Embedding(POSITIONS, WIDTH)(inputs["position"]))
            )
            effect = layers.Dense(1, use_bias=False)(hidden)
            logit += effect - ops.log(ops.mean(ops.exp(effect)))
        chances[task] = ops.sigmoid(logit)
    if world.model == "olr":
        chances["ctcvr"] = chances["ctr"] * chances["ctcvr"]
    return keras.Model(inputs, chances)


def main() -> None:
    """Trains on request."""
    world = World(**settings_of_process(sys.argv))
    keras.utils.set_random_seed(0)
    model = network(world)
    model.compile(keras.optimizers.Adagrad(RATE), dict.fromkeys(TASKS, "binary_crossentropy"))
    data = tf.data.Dataset.from_tensor_slices(world.rows_of_one_table()).cache()
    serve_fit({"tensorflow": tf.__version__, "keras": keras.__version__}, model, data)


if __name__ == "__main__":
    main()

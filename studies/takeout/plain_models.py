"""Three models as their authors would write them: plain Keras, not designed for kernels.

Each reads a row's codes by name, without scenes, periods and regions, and returns the
probabilities of a click (`ctr`) and of a click and an order (`ctcvr`).
"""

import itertools
from collections.abc import Callable, Mapping

import keras
from keras import layers, ops

TASKS = ("ctr", "ctcvr")
HISTORY = 20  # newest clicks of a row's user
INPUTS: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(("user_id", "user_segment", "item_id", "shop_id", "cuisine", "price"), ()),
    **dict.fromkeys(("history_item_id", "history_cuisine"), (HISTORY,)),
}


def pooled(table: layers.Embedding, codes: keras.KerasTensor) -> keras.KerasTensor:
    """The mean embedding of a row's clicks; 0 where there are none."""
    clicks = ops.expand_dims(ops.cast(codes > 0, "float32"), 2)
    return ops.sum(table(codes) * clicks, axis=1) / ops.maximum(ops.sum(clicks, axis=1), 1.0)


def two_towers(sizes: Mapping[str, int]) -> keras.Model:
    """A two-tower model: per task, the dot product of a user vector and an item vector."""
    inputs = {n: keras.Input(s, dtype="int32", name=n) for n, s in INPUTS.items()}
    tables = {
        name: layers.Embedding(size, 16, name=f"{name}_table") for name, size in sizes.items()
    }

    def tower(side: str, task: str, vectors: list[keras.KerasTensor]) -> keras.KerasTensor:
        hidden = layers.Dense(64, activation="relu")(layers.Concatenate()(vectors))
        return layers.Dense(32, name=f"{side}_{task}")(hidden)

    clicked = [pooled(tables[name], inputs[f"history_{name}"]) for name in ("item_id", "cuisine")]
    user = [*(tables[name](inputs[name]) for name in ("user_id", "user_segment")), *clicked]
    item = [tables[name](inputs[name]) for name in ("item_id", "shop_id", "cuisine", "price")]
    outputs = {}
    for task in TASKS:
        vectors = [tower("user", task, user), tower("item", task, item)]
        score = layers.Dot(1, name=f"{task}_dot")(vectors)
        logit = layers.Dense(1, name=f"{task}_logit")(score)
        outputs[task] = layers.Activation("sigmoid", name=task)(logit)
    return keras.Model(inputs, outputs, name="two_towers")


def wide_and_deep(sizes: Mapping[str, int]) -> keras.Model:
    """Wide & Deep: a weight for each code and for some pairs of codes, plus a net of embeddings."""
    inputs = {n: keras.Input(s, dtype="int32", name=n) for n, s in INPUTS.items()}
    single = [name for name, shape in INPUTS.items() if not shape]
    tables = {name: layers.Embedding(size, 16) for name, size in sizes.items()}
    deep = [tables[name](inputs[name]) for name in single]
    deep += [pooled(tables[name], inputs[f"history_{name}"]) for name in ("item_id", "cuisine")]
    hidden = layers.Concatenate()(deep)
    for units in (128, 64):
        hidden = layers.Dense(units, activation="relu")(hidden)
    codes = {name: (inputs[name], sizes[name]) for name in single}
    for one, other in (
        ("user_segment", "cuisine"),
        ("user_segment", "price"),
        ("cuisine", "price"),
    ):
        crossed = inputs[one] * sizes[other] + inputs[other]
        codes[f"{one}_{other}"] = (crossed, sizes[one] * sizes[other])
    outputs = {}
    for task in TASKS:
        # one number per code, summed together with the net's last layer
        wide = [
            layers.Embedding(size, 1, embeddings_initializer="zeros", name=f"{task}_{name}")(code)
            for name, (code, size) in codes.items()
        ]
        logit = layers.Dense(1, name=f"{task}_logit")(layers.Concatenate()([*wide, hidden]))
        outputs[task] = layers.Activation("sigmoid", name=task)(logit)
    return keras.Model(inputs, outputs, name="wide_and_deep")


def dlrm(sizes: Mapping[str, int]) -> keras.Model:
    """DLRM: dot products of all pairs of embeddings and a net of the numbers; a 3-layer top."""
    inputs = {n: keras.Input(s, dtype="int32", name=n) for n, s in INPUTS.items()}
    tables = {name: layers.Embedding(size, 16) for name, size in sizes.items()}
    codes = [name for name, shape in INPUTS.items() if not shape and name != "price"]
    vectors = [tables[name](inputs[name]) for name in codes]
    vectors += [pooled(tables[name], inputs[f"history_{name}"]) for name in ("item_id", "cuisine")]
    clicks = ops.sum(ops.cast(inputs["history_item_id"] > 0, "float32"), axis=1) / HISTORY
    price = ops.cast(inputs["price"], "float32") / sizes["price"]
    numbers = ops.stack([price, ops.square(price), clicks], axis=1)
    for units in (32, 16):
        numbers = layers.Dense(units, activation="relu")(numbers)
    vectors.append(numbers)
    pairs = [layers.Dot(1)([a, b]) for a, b in itertools.combinations(vectors, 2)]
    joined = layers.Concatenate(name="interactions")([numbers, *pairs])
    outputs = {}
    for task in TASKS:
        hidden = layers.Dense(128, activation="relu", name=f"{task}_top_1")(joined)
        hidden = layers.Dense(64, activation="relu", name=f"{task}_top_2")(hidden)
        logit = layers.Dense(1, name=f"{task}_top_3")(hidden)
        outputs[task] = layers.Activation("sigmoid", name=task)(logit)
    return keras.Model(inputs, outputs, name="dlrm")


# Models by name. `HEADS` names each task's head, one layer or its first and last; kernels attach
# in front of it.
PLAIN_MODELS: Mapping[str, Callable[[Mapping[str, int]], keras.Model]] = {
    "two_towers": two_towers,
    "wide_and_deep": wide_and_deep,
    "dlrm": dlrm,
}
HEADS: Mapping[str, Mapping[str, str | tuple[str, str]]] = {
    "two_towers": {task: (f"{task}_dot", f"{task}_logit") for task in TASKS},
    "wide_and_deep": {task: f"{task}_logit" for task in TASKS},
    "dlrm": {task: (f"{task}_top_1", f"{task}_top_3") for task in TASKS},
    "dlrm_last_layer": {task: f"{task}_top_3" for task in TASKS},
}

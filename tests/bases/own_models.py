"""Models that people bring, each with rows on which one domain is clicked for other reasons."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.bases import KerasBase, KnowledgeTable, SavedModelBase
from tfrec_mt.bases.attached_base import AttachedBase

DOMAINS = ("us", "de")
ROWS = 3000
Columns = dict[str, Any]


@dataclass(frozen=True)
class OwnModel:
    """A base, rows that it reads, and what the model that it stands for gives them.

    Args:
      base: The base.
      features: Columns, with the topic `market` and the user `uid`.
      labels: By task.
      own: Maps columns to the model's own probabilities, `{task: [B]}`.
    """

    base: AttachedBase
    features: Columns
    labels: dict[str, np.ndarray]
    own: Callable[[Columns], dict[str, np.ndarray]]

    @property
    def data(self) -> tuple[Columns, dict[str, np.ndarray]]:
        return self.features, self.labels


@dataclass(frozen=True)
class Trained:
    """Kernels of an own model, and where they are."""

    own: OwnModel
    model: AdaptedModel
    run: Path
    export: Path


def scores(model: AdaptedModel, rows: Columns) -> dict[str, np.ndarray]:
    return {task: p.numpy()[:, 0] for task, p in model(rows).items()}


def of_market(rows: Columns, market: str) -> Columns:
    return rows | {"market": np.full(len(rows["market"]), market, object)}


def columns(rows: int = ROWS, seed: int = 0) -> Columns:
    """Two vectors, an item, a market of which one has no kernel, and a user."""
    rng = np.random.default_rng(seed)
    return {
        "user": rng.normal(size=(rows, 3)).astype(np.float32),
        "item": rng.normal(size=(rows, 4)).astype(np.float32),
        "market": rng.choice(["us", "de", "elsewhere"], rows).astype(object),
        "uid": rng.integers(0, max(rows // 4, 1), rows),
    }


def _clicks(features: Columns, own: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """In `us` the sign of the user's first number counts twice, in `de` against."""
    rng = np.random.default_rng(7)
    market, sign = features["market"], np.sign(features["user"][:, 0])
    shift = np.where(market == "us", 2 * sign, np.where(market == "de", -2 * sign, 0.0))
    found = {}
    for task, chance in own.items():
        logit = np.log(chance / (1 - chance)) + shift
        found[task] = (rng.random(len(sign)) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    return found


def _inputs() -> tuple[Any, Any]:
    return keras.Input((3,), name="user"), keras.Input((4,), name="item")


def _hidden(user: Any, item: Any, width: int, name: str) -> Any:
    both = keras.layers.Concatenate()([user, item])
    return keras.layers.Dense(width, activation="tanh", name=name)(both)


def _sigmoid(logit: Any) -> Any:
    return keras.layers.Activation("sigmoid")(logit)


def one_head() -> keras.Model:
    user, item = _inputs()
    hidden = keras.layers.BatchNormalization()(_hidden(user, item, 6, "hidden"))
    logit = keras.layers.Dense(1, name="ctr_logit")(hidden)
    return keras.Model([user, item], _sigmoid(logit))


def two_heads() -> keras.Model:
    """Of different widths; an order happens through a click."""
    user, item = _inputs()
    ctr = _sigmoid(keras.layers.Dense(1, name="ctr_logit")(_hidden(user, item, 6, "wide")))
    order = keras.layers.Dense(1, name="order_logit")(_hidden(user, item, 4, "narrow"))
    ctcvr = keras.layers.Multiply()([ctr, _sigmoid(order)])
    return keras.Model([user, item], {"ctr": ctr, "ctcvr": ctcvr})


def nested_head() -> keras.Model:
    user, item = _inputs()
    layers = [
        keras.layers.Dense(5, activation="relu"),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(1),
    ]
    deep = keras.Sequential(layers, name="ctr_head")
    return keras.Model([user, item], _sigmoid(deep(_hidden(user, item, 6, "hidden"))))


def several_layers() -> keras.Model:
    user, item = _inputs()
    first = keras.layers.Dense(5, activation="relu", name="first")(_hidden(user, item, 6, "hidden"))
    return keras.Model([user, item], _sigmoid(keras.layers.Dense(1, name="last")(first)))


def two_towers() -> keras.Model:
    user, item = _inputs()
    towers = [
        keras.layers.Dense(5, activation="tanh", name=f"tower_{side.name}")(side)
        for side in (user, item)
    ]
    return keras.Model([user, item], _sigmoid(keras.layers.Dot(1, name="score")(towers)))


@keras.saving.register_keras_serializable("tests")
class Ranker(keras.Model):
    """A model that is code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(6, activation="tanh", name="hidden")
        self.logit = keras.layers.Dense(1, name="ctr_logit")

    def call(self, features: Any, training: bool = False) -> Any:
        both = keras.ops.concatenate([features["user"], features["item"]], axis=1)
        return keras.ops.sigmoid(self.logit(inputs=self.hidden(both)))


def subclassed() -> keras.Model:
    model = Ranker()
    model({name: columns(2)[name] for name in ("user", "item")})
    return model


KERAS: dict[str, tuple[Callable[[], keras.Model], dict[str, Any]]] = {
    "one_head": (one_head, {"ctr": "ctr_logit"}),
    "two_heads": (two_heads, {"ctr": "ctr_logit", "ctcvr": "order_logit"}),
    "nested_head": (nested_head, {"ctr": "ctr_head"}),
    "several_layers": (several_layers, {"ctr": ("first", "last")}),
    "two_towers": (two_towers, {"ctr": "score"}),
    "subclassed": (subclassed, {"ctr": "ctr_logit"}),
}


def keras_model(name: str) -> OwnModel:
    """One of `KERAS`, with weights that are always the same."""
    keras.utils.set_random_seed(3)
    make, heads = KERAS[name]
    model, features = make(), columns()

    def own(rows: Columns) -> dict[str, np.ndarray]:
        found = model({n: rows[n] for n in ("user", "item")}, training=False)
        found = found if isinstance(found, dict) else {"ctr": found}
        return {task: values.numpy()[:, 0] for task, values in found.items()}

    base = KerasBase(model, heads)
    base.check(features)
    return OwnModel(base, features, _clicks(features, own(features)), own)


class Scorer(tf.Module):
    """A ranker in plain TensorFlow."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(3)
        self._first = tf.Variable(rng.normal(size=(7, 6)).astype(np.float32))
        self._last = tf.Variable(rng.normal(size=(6, 1)).astype(np.float32))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 3], tf.float32, "user"),
            tf.TensorSpec([None, 4], tf.float32, "item"),
        ]
    )
    def score(self, user: Any, item: Any) -> dict[str, Any]:
        hidden = tf.tanh(tf.concat([user, item], 1) @ self._first)
        logit = (hidden @ self._last)[:, 0]
        return {"hidden": hidden, "logit": logit, "probability": tf.sigmoid(logit)}


def save_scorer(folder: Path) -> None:
    """Writes `Scorer` as a SavedModel."""
    scorer = Scorer()
    tf.saved_model.save(scorer, str(folder), signatures=scorer.score)


def saved_model(folder: Path) -> OwnModel:
    save_scorer(folder)
    features, function = columns(), tf.saved_model.load(str(folder)).signatures["serving_default"]

    def own(rows: Columns) -> dict[str, np.ndarray]:
        given = {n: tf.constant(rows[n]) for n in ("user", "item")}
        return {"ctr": function(**given)["probability"].numpy()}

    base = SavedModelBase(folder, knowledge="hidden", logits={"ctr": "logit"})
    return OwnModel(base, features, _clicks(features, own(features)), own)


def table_columns() -> Columns:
    """Vectors and logits of a model that is not here, with clicks."""
    features = columns()
    user, item = features.pop("user"), features.pop("item")
    vector = np.concatenate([user, item], axis=1)
    logit = (vector @ np.linspace(-1, 1, 7)).astype(np.float32)
    clicks = _clicks(features | {"user": user}, {"ctr": 1 / (1 + np.exp(-logit))})
    return features | {"h": vector, "z": logit, "click": clicks["ctr"]}


def table_of(rows: Any) -> KnowledgeTable:
    return KnowledgeTable(
        rows,
        knowledge="h",
        logits={"ctr": "z"},
        labels={"ctr": "click"},
        topics={"market": DOMAINS},
        user="uid",
        model="ranker of the 3rd",
    )


def table() -> OwnModel:
    rows = table_columns()

    def own(given: Columns) -> dict[str, np.ndarray]:
        return {"ctr": tf.sigmoid(given["z"]).numpy()}

    features = {name: values for name, values in rows.items() if name != "click"}
    return OwnModel(table_of(rows).base, features, {"ctr": rows["click"]}, own)


NAMES = (*KERAS, "saved_model", "table")


def own_model(name: str, folder: Path) -> OwnModel:
    """A model by name; `folder` is free."""
    if name == "saved_model":
        return saved_model(folder)
    return table() if name == "table" else keras_model(name)

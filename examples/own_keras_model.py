"""Your own Keras model: kernels behind a two-tower model written without this package.

Run it with `python examples/own_keras_model.py`; everything is written to a temporary folder.
"""

import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import tfrec_mt as mt

MARKETS = ("de", "us")
Columns = dict[str, np.ndarray]


def two_towers(users: int, items: int) -> keras.Model:
    """Your existing model: a dot product of two towers, and a sigmoid."""
    user, item = (keras.Input((), dtype="int32", name=name) for name in ("user", "item"))
    towers = [
        keras.layers.Dense(16, name=f"{name}_tower")(keras.layers.Embedding(size, 16)(ids))
        for name, size, ids in (("user", users, user), ("item", items, item))
    ]
    score = keras.layers.Dot(1, name="score")(towers)
    return keras.Model([user, item], keras.layers.Activation("sigmoid", name="ctr")(score))


def rows(count: int, seed: int) -> tuple[Columns, Columns]:
    """Your rows: the model's inputs, the market, and labels by task."""
    rng = np.random.default_rng(seed)
    user, item = rng.integers(0, 300, count), rng.integers(0, 100, count)
    market = rng.choice([*MARKETS, "fr"], count)
    liked = np.where(market == "de", item % 4 == 1, item % 4 == 2) + 0.5 * (user % 3 == 0)
    click = rng.random(count) < 1 / (1 + np.exp(1.5 - 2.0 * liked))
    features = {"user": user.astype(np.int32), "item": item.astype(np.int32), "market": market}
    return features, {"ctr": click.astype(np.float32)}


def main(folder: Path) -> mt.Evaluation:
    """Trains the model as usual, then kernels behind it, and exports both as one SavedModel."""
    keras.utils.set_random_seed(0)
    model = two_towers(300, 100)
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy")
    features, labels = rows(30_000, seed=0)
    inputs = {name: features[name] for name in ("user", "item")}
    model.fit(inputs, labels["ctr"], batch_size=256, epochs=2, verbose=0)

    base = mt.KerasBase(model, heads={"ctr": "score"})
    attached = mt.attach(base, mt.IAK(width=20), topics={"market": MARKETS})
    fresh = tf.data.Dataset.from_tensor_slices(rows(20_000, seed=1)).batch(512)
    adapted = mt.fine_tune(attached, fresh, folder / "kernels", user="user")
    report = mt.evaluate(adapted, rows(10_000, seed=2), user="user")
    print(report)
    mt.export(adapted, folder / "export")
    asked = {"user": [1, 1], "item": [5, 5], "market": ["de", "fr"]}
    print(mt.load_export(folder / "export").score(asked))
    return report


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))

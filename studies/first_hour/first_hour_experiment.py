"""Study experiment: a base with defaults on a log, its floor, and Keras' own `fit`."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

import tfrec_mt as mt
from studies.framework.logs import prepared_log
from studies.framework.study import Outcome, Settings
from studies.takeout.takeout_runs import TUNED_BASE, TUNED_BATCH
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.evaluation.cells import ALL, Cell
from tfrec_mt.models.online_large_recommender import OnlineLargeRecommender

FLOOR, DEFAULTS, KERAS, RECIPE = "floor", "defaults", "Keras fit", "tuned recipe"
FIRST_HOUR_SETTINGS: Settings = {"log": "takeout 50k", "who": DEFAULTS}

_METRICS = ("auc", "log_loss", "calibration")
_BATCH, _EPOCHS, _PATIENCE = 512, 10, 2  # for Keras' `fit`
_OF_TAKEOUT = {**TUNED_BASE, "epochs": 1, "batch_size": TUNED_BATCH}
_OF_A_BASE = (
    *("embedding_width", "units", "dropout", "optimizer", "start", "as_unknown", "learning_rate"),
    *("rate_schedule", "ema_decay", "batch_size", "epochs", "patience"),
)
_RECIPES = Path(__file__).parents[2] / "recipes"


# Settings tuned for each log.
FIRST_HOUR_RECIPES: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    **dict.fromkeys(("takeout 50k", "takeout 300k", "takeout 1M"), lambda: _OF_TAKEOUT),
    "MovieLens-1M": lambda: recipe_of_a_base("movielens_1m"),
    "MovieLens-100K by time": lambda: recipe_of_a_base("movielens_100k"),
}


def recipe_of_a_base(name: str) -> dict[str, Any]:
    """Reads a base's training settings from a file in `recipes`."""
    lines = (_RECIPES / f"{name}.flags").read_text(encoding="utf-8").splitlines()
    flags = dict(line[2:].split("=", 1) for line in lines if line[:2] == "--" and "=" in line)
    found: dict[str, Any] = {}
    for key in _OF_A_BASE:
        if key in flags:
            text = flags[key] if key != "units" else f"[{flags[key]}]"
            try:
                found[key] = json.loads(text)
            except ValueError:
                found[key] = text
    return found


def variant_name(who: str, case: str) -> str:
    """Name of a table row: `who`, measured on the log of a case."""
    return f"{case}: {who}"


def first_hour_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Trains on the first part of a log, validates on the second and measures on the last.

    Estimates are AUC, log loss and calibration of a click over all rows.

    Args:
      settings: `FIRST_HOUR_SETTINGS` and `seed`. `who` is measured: the floor, a base of defaults,
        the same network under `fit` of Keras, or a base as `FIRST_HOUR_RECIPES` train it.
      folder: Takes the base.
      shared: Takes the data.

    Raises:
      SchemaError: An unknown log, or `$TFREC_MT_DATA` is not set.
    """
    who, log = settings["who"], prepared_log(settings, shared)
    base: mt.models.RankingModel
    started = time.monotonic()
    if who == DEFAULTS:
        base = mt.pretrain(log, folder / "base", seed=settings["seed"])
    elif who == RECIPE:
        recipe = dict(FIRST_HOUR_RECIPES[settings["log"]]())
        if "patience" in recipe:
            recipe["validation"] = log.parts[1]
        base = mt.pretrain(log, folder / "base", seed=settings["seed"], **recipe)
    else:
        base = _fitted(log, settings["seed"], epochs=_EPOCHS if who == KERAS else 0)
    minutes = (time.monotonic() - started) / 60
    table = mt.evaluate(base, log).scores
    model, task = ("floor" if who == FLOOR else "zero_shot"), log.schema.task_names[0]
    estimates = {name: table.estimate(model, task, Cell(ALL, ALL), name) for name in _METRICS}
    return Outcome(estimates=estimates, facts={} if who == FLOOR else {"minutes": minutes})


def _fitted(log: PreparedDataset, seed: int, epochs: int) -> OnlineLargeRecommender:
    """The default network, trained as a Keras user would; with 0 epochs, untrained."""
    keras.utils.set_random_seed(seed)
    model = OnlineLargeRecommender(log.schema)
    model.compile(optimizer="adam")
    if epochs:
        train, validation, _ = log.parts
        model.fit(
            log.batches(train, _BATCH, shuffle=True, seed=seed),
            validation_data=log.batches(validation, 4096),
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=[
                keras.callbacks.EarlyStopping(patience=_PATIENCE, restore_best_weights=True)
            ],
        )
    return model

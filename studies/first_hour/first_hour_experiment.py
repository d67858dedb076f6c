"""An experiment of studies: a base of defaults on a log, its floor, and Keras' own `fit`."""

import functools
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

import tfrec_mt as mt
from studies.framework.study import Outcome, Settings
from studies.takeout.takeout_runs import TUNED_BASE, TUNED_BATCH
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.source import Source
from tfrec_mt.data.sources.public_folder import public_folder
from tfrec_mt.errors import nearest
from tfrec_mt.evaluation.cells import ALL, Cell
from tfrec_mt.models.online_large_recommender import OnlineLargeRecommender
from tfrec_mt.schema import SchemaError

FLOOR, DEFAULTS, KERAS, RECIPE = "floor", "defaults", "Keras fit", "tuned recipe"
FIRST_HOUR_SETTINGS: Settings = {"log": "takeout 50k", "who": DEFAULTS}

_PARTS = "train:6,fresh:2,test:2"
_METRICS = ("auc", "log_loss", "calibration")
_BATCH, _EPOCHS, _PATIENCE = 512, 10, 2  # of Keras
_OF_TAKEOUT = {**TUNED_BASE, "epochs": 1, "batch_size": TUNED_BATCH}
_OF_A_BASE = (
    *("embedding_width", "units", "dropout", "optimizer", "start", "as_unknown", "learning_rate"),
    *("rate_schedule", "ema_decay", "batch_size", "epochs", "patience"),
)
_RECIPES = Path(__file__).parents[2] / "recipes"


def _takeout(rows: int, seed: int) -> tuple[Source, dict[str, Any]]:
    return mt.sources.takeout(rows=rows, seed=seed), {}


def _movielens(variant: Any, split: str, seed: int) -> tuple[Source, dict[str, Any]]:
    folder = public_folder(f"movielens_{variant}")
    return mt.sources.movielens(folder, variant), {"split": split, "split_parts": _PARTS}


def _hillstrom(seed: int) -> tuple[Source, dict[str, Any]]:
    source = mt.sources.hillstrom(public_folder("hillstrom_email"))
    return source, {"split": "random", "split_parts": _PARTS}


FIRST_HOUR_LOGS: Mapping[str, Callable[[int], tuple[Source, dict[str, Any]]]] = {
    "takeout 50k": functools.partial(_takeout, 50_000),
    "takeout 300k": functools.partial(_takeout, 300_000),
    "takeout 1M": functools.partial(_takeout, 1_000_000),
    "MovieLens-1M": functools.partial(_movielens, "1m", "random"),
    "MovieLens-100K": functools.partial(_movielens, "100k", "random"),
    "MovieLens-100K by time": functools.partial(_movielens, "100k", "time"),
    "Hillstrom": _hillstrom,
}


# How those trained who tuned for a log.
FIRST_HOUR_RECIPES: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    **dict.fromkeys(("takeout 50k", "takeout 300k", "takeout 1M"), lambda: _OF_TAKEOUT),
    "MovieLens-1M": lambda: recipe_of_a_base("movielens_1m"),
    "MovieLens-100K by time": lambda: recipe_of_a_base("movielens_100k"),
}


def recipe_of_a_base(name: str) -> dict[str, Any]:
    """What a file of `recipes` says of how a base is trained."""
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
    """What a table calls one of those that are measured on a log."""
    return f"{case}: {who}"


def first_hour_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Trains on the first part of a log and measures on the last; the part between validates.

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


def prepared_log(settings: Settings, shared: Path) -> PreparedDataset:
    """The log that settings name, prepared once in a shared folder."""
    name = settings["log"]
    if name not in FIRST_HOUR_LOGS:
        raise SchemaError(f"unknown log {name!r}; {nearest(name, FIRST_HOUR_LOGS)}")
    path = shared / name.replace(" ", "_")
    if not path.exists():
        source, split = FIRST_HOUR_LOGS[name](settings["seed"])
        mt.prepare(source, output=path, **split)
    return PreparedDataset(path)


def _fitted(log: PreparedDataset, seed: int, epochs: int) -> OnlineLargeRecommender:
    """The network of the defaults, trained as a user of Keras would; with 0 epochs not at all."""
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

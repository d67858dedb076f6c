"""Prepared data, bases and kernels of the studies of public data, each made once."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studies.framework.study import Settings, settings_key
from tfrec_mt.configs import FineTuneConfig, PretrainConfig
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.source import Source
from tfrec_mt.data.sources.factored_ratings import FactoredRatings
from tfrec_mt.data.sources.hillstrom import HillstromSource
from tfrec_mt.data.sources.movielens import MovieLensSource
from tfrec_mt.data.sources.movielens.files import Variant
from tfrec_mt.data.sources.public_folder import public_folder
from tfrec_mt.data.sources.tables import TABLES, TableSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.errors import nearest
from tfrec_mt.jobs.control import control_config, run_control
from tfrec_mt.jobs.fine_tune import run_fine_tune
from tfrec_mt.jobs.pretrain import run_pretrain
from tfrec_mt.schema import SchemaError
from tfrec_mt.storage.names import KERNELS, MODEL

# Everything that a study of public data may set; the defaults are the published protocol of
# MovieLens-1M. `folds` is the number of folds. Each is tested on a base trained on the others, less
# `kernel_folds` folds that are left to kernels; a base then has no part to stop early on. Without
# folds, the base learns from the first part, kernels from `fresh`. Kernels remember ids of the
# features in `memory`.
PUBLIC_SETTINGS: Settings = {
    "dataset": "ml1m",
    "expected_rating": False,
    "split": "random",
    "split_parts": "train:8,validation:1,test:1",
    "folds": 0,
    "kernel_folds": 0,
    "scores": "zero_shot",
    "model": "shared_bottom",
    "base_topics": ["age_domain"],
    "embedding_width": 16,
    "units": [256, 128],
    "dropout": 0.2,
    "learning_rate": 0.001,
    "rate_schedule": "constant",
    "ema_decay": 0.0,
    "order_weight": 1.0,
    "batch_size": 4096,
    "epochs": 25,
    "patience": 2,
    "kernel_topics": [],
    "memory": [],
    "kernel_batch_size": 256,
    "kernel_learning_rate": 0.05,
}
_DATA = ("dataset", "expected_rating", "split", "split_parts", "folds")
_BASE = (
    "kernel_folds",
    "model",
    "base_topics",
    "embedding_width",
    "units",
    "dropout",
    "learning_rate",
    "rate_schedule",
    "ema_decay",
    "order_weight",
    "batch_size",
    "epochs",
    "patience",
)
_CONTROL = ("kernel_batch_size",)


@dataclass(frozen=True, kw_only=True)
class Round:
    """The parts that one round trains and tests on.

    Args:
      name: Of a folder.
      base: Parts that the base learns from.
      kernels: Parts that kernels learn from.
      test: Part that is scored.
    """

    name: str
    base: tuple[str, ...]
    kernels: tuple[str, ...]
    test: str


def rounds(settings: Settings) -> list[Round]:
    """One round, or one for each fold.

    Raises:
      SchemaError: Fewer than one fold is left to the base, or it would stop early without a part
        to look at.
    """
    folds, kept = settings["folds"], settings["kernel_folds"]
    if not folds:
        first = SplitSpec.parse(settings["split_parts"], settings["split"]).names[0]
        return [Round(name="all", base=(first,), kernels=("fresh",), test="test")]
    if folds < kept + 2:
        raise SchemaError(f"expected folds of at least kernel_folds + 2 = {kept + 2}, got {folds}")
    if settings["patience"]:
        raise SchemaError("folds have no validation part: expected patience 0")
    names = _fold_names(settings)
    turned = [names[test:] + names[:test] for test in range(folds)]
    return [
        Round(name=order[0], base=order[1 + kept :], kernels=order[1 : 1 + kept], test=order[0])
        for order in turned
    ]


def public_data(settings: Settings, shared: Path) -> PreparedDataset:
    """The prepared data, in a shared folder.

    Raises:
      SchemaError: An unknown data set, or `$TFREC_MT_DATA` is not set.
    """
    path = _place(settings, shared, _DATA) / "data"
    if not path.exists():
        split = SplitSpec.parse(settings["split_parts"], settings["split"])
        if settings["folds"]:
            folds = tuple((name, 1.0) for name in _fold_names(settings))
            split = SplitSpec("random", folds)
        prepare(_source(settings, split), path, split, seed=settings["seed"])
    return PreparedDataset(path)


def public_base(settings: Settings, shared: Path, part: Round) -> Path:
    """Run folder of a round's base, in a shared folder."""
    output = _place(settings, shared, (*_DATA, *_BASE)) / part.name
    if not (output / MODEL).exists():
        run_pretrain(_base_config(settings, public_data(settings, shared).path, output, part))
    return output


def public_control(settings: Settings, shared: Path, part: Round) -> Path:
    """Run folder of a round's base continued on the kernels' rows, in a shared folder."""
    output = _place(settings, shared, (*_DATA, *_BASE, *_CONTROL)) / part.name
    if not (output / MODEL).exists():
        base, data = public_base(settings, shared, part), public_data(settings, shared).path
        kernels = _kernel_config(settings, data, base, output, part)
        run_control(control_config(_base_config(settings, data, base, part), kernels, output))
    return output


def public_kernels(settings: Settings, folder: Path, shared: Path, part: Round) -> Path:
    """Run folder of a round's kernels, below `folder`; an interrupted run is resumed."""
    output = folder / part.name
    if not (output / KERNELS).exists():
        base, data = public_base(settings, shared, part), public_data(settings, shared).path
        run_fine_tune(_kernel_config(settings, data, base, output, part))
    return output


def _base_config(settings: Settings, data: Path, output: Path, part: Round) -> PretrainConfig:
    return PretrainConfig(
        data=data,
        output=output,
        model=settings["model"],
        parts=part.base,
        validation="validation" if settings["patience"] else None,
        model_settings={
            "base_topics": tuple(settings["base_topics"]),
            "embedding_width": settings["embedding_width"],
            "units": tuple(settings["units"]),
            "dropout": settings["dropout"],
        },
        # as the figures in BUILD_NOTES were measured
        start="random",
        as_unknown=0.0,
        optimizer="lazy_adam",
        learning_rate=settings["learning_rate"],
        rate_schedule=settings["rate_schedule"],
        ema_decay=settings["ema_decay"],
        task_weights={"ctcvr": settings["order_weight"]},
        train=TrainConfig(
            batch_size=settings["batch_size"],
            epochs=settings["epochs"],
            patience=settings["patience"],
            steps_per_call=16,
            seed=settings["seed"],
        ),
    )


def _kernel_config(
    settings: Settings, data: Path, base: Path, output: Path, part: Round
) -> FineTuneConfig:
    return FineTuneConfig(
        base=base,
        data=data,
        output=output,
        parts=part.kernels,
        topics=tuple(settings["kernel_topics"]),
        joint=False,
        memory=tuple(settings["memory"]),
        learning_rate=settings["kernel_learning_rate"],
        train=TrainConfig(batch_size=settings["kernel_batch_size"], seed=settings["seed"]),
    )


def _source(settings: Settings, split: SplitSpec) -> Source:
    name = settings["dataset"]
    if name not in _SOURCES:
        raise SchemaError(f"unknown dataset {name!r}; {nearest(name, _SOURCES)}")
    if not settings["expected_rating"]:
        return _SOURCES[name]()
    if name not in _RATED:
        raise SchemaError(f"{name} has no ratings: expected expected_rating to be false")
    return FactoredRatings(_SOURCES[name](), split, settings["seed"])


def _table(name: str) -> Source:
    return TableSource(TABLES[name], _folder(name))


def _movielens(variant: Variant) -> Source:
    return MovieLensSource(_folder(f"movielens_{variant}"), variant, history=False, ratings=True)


def _folder(name: str) -> Path:
    folder = public_folder(name)
    if not folder.is_dir():
        raise SchemaError(f"{folder} does not exist; the data is not part of this project")
    return folder


_RATED: dict[str, Callable[[], Source]] = {
    "ml1m": functools.partial(_movielens, "1m"),
    "ml100k": functools.partial(_movielens, "100k"),
}
_SOURCES: dict[str, Callable[[], Source]] = {
    **_RATED,
    "hillstrom": lambda: HillstromSource(_folder("hillstrom_email")),
    **{name: functools.partial(_table, name) for name in TABLES},
}


def _fold_names(settings: Settings) -> tuple[str, ...]:
    return tuple(f"fold{number}" for number in range(settings["folds"]))


def _place(settings: Settings, shared: Path, names: Sequence[str]) -> Path:
    chosen: dict[str, Any] = {name: settings[name] for name in names}
    return shared / settings["dataset"] / settings_key(chosen)

"""Logs that several studies train on, each with a fixed split."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tfrec_mt as mt
from studies.framework.study import Settings
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.source import Source
from tfrec_mt.data.sources.public_folder import public_folder
from tfrec_mt.errors import nearest
from tfrec_mt.schema import SchemaError

_PARTS = "train:6,fresh:2,test:2"


def _takeout(rows: int, seed: int) -> tuple[Source, dict[str, Any]]:
    return mt.sources.takeout(rows=rows, seed=seed), {}


def _movielens(variant: Any, split: str, seed: int) -> tuple[Source, dict[str, Any]]:
    folder = public_folder(f"movielens_{variant}")
    return mt.sources.movielens(folder, variant), {"split": split, "split_parts": _PARTS}


def _hillstrom(seed: int) -> tuple[Source, dict[str, Any]]:
    source = mt.sources.hillstrom(public_folder("hillstrom_email"))
    return source, {"split": "random", "split_parts": _PARTS}


LOGS: Mapping[str, Callable[[int], tuple[Source, dict[str, Any]]]] = {
    "takeout 50k": functools.partial(_takeout, 50_000),
    "takeout 300k": functools.partial(_takeout, 300_000),
    "takeout 1M": functools.partial(_takeout, 1_000_000),
    "MovieLens-1M": functools.partial(_movielens, "1m", "random"),
    "MovieLens-100K": functools.partial(_movielens, "100k", "random"),
    "MovieLens-100K by time": functools.partial(_movielens, "100k", "time"),
    "Hillstrom": _hillstrom,
}


def prepared_log(settings: Settings, shared: Path) -> PreparedDataset:
    """The log named in the settings, prepared once in a shared folder."""
    name = settings["log"]
    if name not in LOGS:
        raise SchemaError(f"unknown log {name!r}; {nearest(name, LOGS)}")
    path = shared / name.replace(" ", "_")
    if not path.exists():
        source, split = LOGS[name](settings["seed"])
        mt.prepare(source, output=path, **split)
    return PreparedDataset(path)

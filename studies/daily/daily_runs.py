"""Days of a takeout world in which users and items come and go, and models that follow them."""

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

import tfrec_mt as mt
from studies.framework.study import Settings, folder_of
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.sources.takeout.sampling import DAY, FIRST_SECOND
from tfrec_mt.schema import Schema, Topic
from tfrec_mt.storage.names import KERNELS, MODEL

# What is measured apart: rows of users that the first day has seen already, and of all others.
SINCE = Topic(name="since", domains=("day1", "later"))

WORLD: Settings = {
    "rows": 700_000,
    "days": 14,
    "churn": 0.1,
    "drift": 0.03,
    "shift": 1.0,
    "evict_after": 4,
    "first_days": 6,
}
FROZEN, CONTINUED, BEHIND, ANEW = "frozen", "continued", "a day behind", "anew"
NONE, FRESH, GOING_ON = "none", "fresh", "going on"
# Of a base: at its start, and again each day.
LEARNING_RATE = 0.008
# `base` and `kernels` say what follows the days. Kernels learn from whole days behind a frozen base
# and behind one that is continued a day later; else from a share of each day's requests that the
# base leaves to them.
DAILY: Settings = {
    **WORLD,
    "base": CONTINUED,
    "kernels": NONE,
    "pull": 0.1,
    "kernel_share": 4,
    "learning_rate": LEARNING_RATE,
}
BASE: dict[str, Any] = {
    "model": "olr",
    "base_topics": (),
    "optimizer": "lazy_adam",
    "rate_schedule": "linear",
    "epochs": 1,
    "batch_size": 512,
}
TOPICS = ("scene", "period", "region")
_KERNELS: dict[str, Any] = {"epochs": 1, "topics": TOPICS}


class Days:
    """The days of one world, prepared in the ways that models need them; days count from 1.

    Args:
      settings: `WORLD` and `seed`.
      shared: Takes everything.
    """

    def __init__(self, settings: Settings, shared: Path) -> None:
        self.settings = settings
        self.folder = shared / folder_of(settings, [*WORLD])
        self.config = TakeoutConfig(
            **{name: settings[name] for name in WORLD if name != "first_days"},
            seed=settings["seed"],
        )

    @functools.cached_property
    def schema(self) -> Schema:
        """The world's schema, and `SINCE`."""
        schema = TakeoutSource(self.config).schema
        return replace(schema, topics=(*schema.topics, SINCE))

    def files(self, first: int, last: int) -> list[Path]:
        """The rows of some days, a file each."""
        folder = self.folder / "rows"
        if not folder.exists():
            _write_days(self.config, folder)
        return [folder / f"day{day:02d}.parquet" for day in range(first, last + 1)]

    def first(self, parts: str) -> PreparedDataset:
        """The first days, on which every base begins."""
        name = f"first,{parts}".replace(":", "")
        return self._prepared(name, 1, self.settings["first_days"], parts, None)

    def next(self, day: int, before: PreparedDataset, name: str, parts: str) -> PreparedDataset:
        """A day after others, whose ids come and go."""
        return self._prepared(f"{name},day{day}", day, day, parts, before)

    def as_of(
        self, day: int, before: PreparedDataset, name: str, rows: pl.Expr | None = None
    ) -> PreparedDataset:
        """A day's rows, or some, in the ids of the days before it, in the part `fresh`."""
        name = f"{name},test{day}"
        return self._prepared(name, day, day, "fresh:1", before, rows, grow=False)

    def until(self, day: int) -> PreparedDataset:
        """All days so far, prepared at once."""
        return self._prepared(f"until{day}", 1, day, "train:1", None)

    def _prepared(
        self,
        name: str,
        first: int,
        last: int,
        parts: str,
        before: PreparedDataset | None,
        rows: pl.Expr | None = None,
        **settings: Any,
    ) -> PreparedDataset:
        path = self.folder / name
        if not path.exists():
            files = self.files(first, last)
            mt.prepare(
                files if rows is None else pl.concat(map(pl.read_parquet, files)).filter(rows),
                self.schema,
                path,
                like=before,
                split="request",
                split_parts=parts,
                seed=self.settings["seed"],
                **settings,
            )
        return PreparedDataset(path)


def _write_days(config: TakeoutConfig, folder: Path) -> None:
    table = pa.concat_tables(chunk.table for chunk in TakeoutSource(config).chunks())
    rows = pl.DataFrame(table)
    day = (rows["timestamp"] - FIRST_SECOND) // DAY
    known = rows.filter(day == 0)["user_id"].unique()
    since = np.where(rows["user_id"].is_in(known.implode()).to_numpy(), *SINCE.domains)
    rows = rows.with_columns(pl.Series(SINCE.name, since))
    part = folder.with_name("rows-part")
    part.mkdir(parents=True, exist_ok=True)
    for number in range(config.days):
        rows.filter(day == number).write_parquet(part / f"day{number + 1:02d}.parquet")
    part.rename(folder)


def begun(path: Path, result: str, make: Callable[[], Any]) -> Path:
    """A run's folder, made unless it holds its result."""
    if not (path / result).exists():
        make()
    return path


class Followed:
    """A base and kernels that follow the days as the settings say.

    Args:
      settings: `DAILY` and `seed`.
      folder: Takes the runs.
      days: The days.

    Attributes:
      base, kernels: Run folders; no kernels where there are none.
    """

    def __init__(self, settings: Settings, folder: Path, days: Days) -> None:
        self._settings, self._folder, self._days = settings, folder, days
        self._kind, with_kernels = settings["base"], settings["kernels"] != NONE
        self._leaves = with_kernels and self._kind == CONTINUED
        self._parts = f"train:{settings['kernel_share'] - 1},fresh:1" if self._leaves else "train:1"
        self._data = self._read = days.first(self._parts)
        self.kernels: Path | None = None
        self._rate: float = settings["learning_rate"]
        self.base = self._trained(days.folder / f"base,{self._share},{self._rate}")

    @property
    def _share(self) -> str:
        """What a base learns of a day, as a part of names."""
        return "share" if self._leaves else "whole"

    def follow(self, day: int) -> int:
        """Learns from a day's rows; returns from how many."""
        days, rows = self._days, 0
        if self._kind == ANEW:
            self._data = self._read = days.until(day)
            self.base = self._trained(self._folder / f"base{day}")
            rows += self._data.rows("train")
        elif self._kind == CONTINUED:
            rows += self._continue(day)
        elif self._kind == BEHIND and day - 1 > self._settings["first_days"]:
            rows += self._continue(day - 1)
        if self._kind in (FROZEN, BEHIND):
            before, name = (self._read, FROZEN) if self._kind == FROZEN else (self._data, "whole")
            self._read = days.as_of(day, before, name)
        if self._settings["kernels"] != NONE:
            rows += self._read.rows("fresh")
            self.kernels = self._kernels(day)
        return rows

    def tested_on(self, day: int) -> PreparedDataset:
        """The day's rows in the ids that base and kernels know."""
        name = self._share if self._kind == CONTINUED else self._kind.replace(" ", "-")
        return self._days.as_of(day, self._read, name)

    def _continue(self, day: int) -> int:
        self._data = self._read = self._days.next(day, self._data, self._share, self._parts)
        self.base = self._continued(day)
        return self._data.rows("train")

    def _continued(self, day: int) -> Path:
        path = self._days.folder / f"base,{self._share},{self._rate},day{day}"
        return begun(
            path,
            MODEL,
            lambda: mt.pretrain(self._data, path, continue_from=self.base),
        )

    def _trained(self, path: Path) -> Path:
        told = {"seed": self._settings["seed"], "learning_rate": self._rate}
        return begun(path, MODEL, lambda: mt.pretrain(self._data, path, **told, **BASE))

    def _kernels(self, day: int) -> Path:
        path = self._folder / f"kernels{day}"
        before = self.kernels if self._settings["kernels"] == GOING_ON else None

        def train() -> None:
            told = {"seed": self._settings["seed"], **_KERNELS}
            if before is not None:
                told = {"continue_from": before, "pull": self._settings["pull"]}
            mt.fine_tune(self.base, self._read, path, **told)

        return begun(path, KERNELS, train)

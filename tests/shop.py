"""A small click log as a person has it, and the job of the front door on it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import tfrec_mt as mt

TINY: dict[str, Any] = {"embedding_width": 4, "units": (8,), "heads": 1, "head_width": 4}
# A base that has learned so little, and is not told its markets, leaves kernels much to say.
SHORT: dict[str, Any] = {
    **TINY,
    "batch_size": 256,
    "base_topics": (),
    "start": "random",
    "as_unknown": 0.0,
    "epochs": 1,
    "learning_rate": 0.008,
}
START = 1_700_000_000


def shop_rows(rows: int = 4_000, seed: int = 0) -> pl.DataFrame:
    """Rows in order of time: two markets, each with a taste of its own; clicks and purchases."""
    rng = np.random.default_rng(seed)
    user, item = rng.integers(0, 60, rows), rng.integers(0, 40, rows)
    german = rng.random(rows) < 0.4
    kind = item % 4
    liked = np.where(german, kind == 1, kind == 2) + 0.5 * (user % 3 == 0)
    clicked = rng.random(rows) < 1 / (1 + np.exp(1.5 - 2.0 * liked))
    bought = clicked & (rng.random(rows) < 0.5)
    return pl.DataFrame(
        {
            "uid": user + 1_000,
            "iid": item,
            "kind": np.array(["food", "books", "toys", "tools"])[kind],
            "price": np.round(2 + (item * 7) % 23 + 0.25, 2),
            "market": np.where(german, "de", "us"),
            "ts": START + np.sort(rng.integers(0, 8 * 86_400, rows)),
            "clicked": clicked.astype(int),
            "bought": bought.astype(int),
        }
    )


def shop_schema(rows: pl.DataFrame) -> mt.Schema:
    """What a person would let `infer` propose."""
    return mt.Schema.infer(
        rows,
        user="uid",
        item="iid",
        time="ts",
        tasks=["clicked", mt.Task("bought", within="clicked")],
        topics=["market"],
        verbose=False,
    )


@dataclass(frozen=True)
class Shop:
    """Folders of the job: raw files, prepared data, runs of a base and of kernels, an export."""

    folder: Path

    @property
    def clicks(self) -> Path:
        return self.folder / "clicks"

    @property
    def data(self) -> Path:
        return self.folder / "runs" / "shop" / "data"

    @property
    def base(self) -> Path:
        return self.folder / "runs" / "shop" / "base"

    @property
    def kernels(self) -> Path:
        return self.folder / "runs" / "shop" / "kernels"

    @property
    def export(self) -> Path:
        return self.folder / "runs" / "shop" / "export"


def make_shop(folder: Path) -> None:
    """Runs the whole job, through the front door alone."""
    shop, rows = Shop(folder), shop_rows()
    shop.clicks.mkdir()
    rows.head(2_000).write_parquet(shop.clicks / "day1.parquet")
    rows.tail(2_000).write_parquet(shop.clicks / "day2.parquet")
    rows.write_csv(folder / "clicks.csv")
    schema = shop_schema(rows)
    schema.save(folder / "schema.json")
    log = mt.prepare(shop.clicks, schema, shop.data)
    base = mt.pretrain(log, shop.base, **SHORT)
    model = mt.fine_tune(base, log, shop.kernels, encoder_units=(4,), certainty=0.0, batch_size=64)
    mt.export(model, shop.export)

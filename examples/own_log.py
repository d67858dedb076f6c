"""Your own log: from a frame of clicks to a scored request.

Run it with `python examples/own_log.py`; everything is written to a temporary folder.
"""

import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import tfrec_mt as mt


def clicks(rows: int = 20_000) -> pl.DataFrame:
    """Stand-in for your log: who saw what, in which market and when, and the outcome."""
    rng = np.random.default_rng(0)
    user, item, german = (
        rng.integers(0, 500, rows),
        rng.integers(0, 200, rows),
        rng.random(rows) < 0.4,
    )
    kind = item % 4
    liked = np.where(german, kind == 1, kind == 2) + 0.5 * (user % 3 == 0)
    clicked = rng.random(rows) < 1 / (1 + np.exp(2.0 - 2.0 * liked))
    return pl.DataFrame(
        {
            "uid": user,
            "iid": item,
            "kind": np.array(["food", "books", "toys", "tools"])[kind],
            "market": np.where(german, "de", "us"),
            "ts": 1_700_000_000 + np.sort(rng.integers(0, 8 * 86_400, rows)),
            "clicked": clicked.astype(int),
            "bought": (clicked & (rng.random(rows) < 0.3)).astype(int),
            "seconds": np.where(clicked, rng.exponential(20.0, rows), np.nan),
        }
    )


def main(folder: Path) -> mt.Evaluation:
    """Runs the whole job, from the log to a scored request."""
    rows = clicks()
    schema = mt.Schema.infer(
        rows,
        user="uid",
        item="iid",
        time="ts",
        tasks=[
            "clicked",
            mt.Task("bought", within="clicked"),
            mt.Task("seconds", kind="regression"),  # null without a click
        ],
        topics=["market"],
    )
    log = mt.prepare(rows, schema, folder / "data", split="days")
    base = mt.pretrain(log, folder / "base", model="mmoe", units=(32, 16))
    model = mt.fine_tune(base, log, folder / "kernels")
    report = mt.evaluate(model, output=folder / "evaluation")
    print(report)
    mt.export(model, folder / "export", metrics=report)
    print(mt.load_export(folder / "export").score(log.requests().head(3)))
    return report


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))

"""Study experiment: a kernel for a domain that has few rows or none."""

from pathlib import Path
from typing import Any

import polars as pl

import tfrec_mt as mt
from studies.daily.carried_experiment import EIGHT_DAYS, UNITS, base_of, eight_days
from studies.daily.daily_runs import Days, begun
from studies.framework.study import Outcome, Settings
from studies.takeout.takeout_experiment import TASK_METRICS
from tfrec_mt.evaluation.cells import Cell
from tfrec_mt.evaluation.scoring import ADAPTED, ZERO_SHOT
from tfrec_mt.storage.names import KERNELS

TOPIC, DOMAIN = "region", "region4"
BASE_ALONE, SCRATCH, BORROWED, EQUAL = "base", "scratch", "borrowed", "named"
# `rows` are those that the domain has on its first day, from its first hour on.
NEW_DOMAIN_SETTINGS: Settings = {**EIGHT_DAYS, "kernel": BASE_ALONE, "rows_of_domain": 0}
NEW_DOMAIN_METRICS = {
    **{task: f"{what} in the new domain" for task, what in TASK_METRICS.items()},
    "ctr/log_loss": "Log loss of a click in the new domain",
}


def new_domain_experiment(settings: Settings, folder: Path, shared: Path) -> Outcome:
    """Gives a region that no kernel has learned from a kernel, and measures on its second day.

    Args:
      settings: `NEW_DOMAIN_SETTINGS` and `seed`. `kernel` is none, trained from scratch on the
        domain's rows, borrowed as `borrow_kernel` does, or borrowed from all other regions by name.
      folder: Takes the kernel.
      shared: Takes the world, the base and the other regions' kernels.
    """
    days, seed, kind = Days(settings, shared), settings["seed"], settings["kernel"]
    data, _, test = eight_days(days)
    base, count = base_of(days, data, seed, UNITS), settings["rows_of_domain"]
    new = pl.col(TOPIC) == DOMAIN
    kernels = None

    def trained(path: Path, name: str, rows: pl.Expr) -> Path:
        log = days.as_of(7, data, name, rows)
        told: dict[str, Any] = {"topics": (TOPIC,), "epochs": 1, "seed": seed}
        return begun(path, KERNELS, lambda: mt.fine_tune(base, log, path, **told))

    if kind == SCRATCH:
        rows = new & (new.cum_sum() <= count)
        kernels = trained(folder / "scratch", f"only {count}", rows)
    elif kind != BASE_ALONE:
        others = trained(days.folder / "kernels of others", "others", ~new)
        log = days.as_of(7, data, f"others and {count}", ~new | (new.cum_sum() <= count))
        regions = days.schema.topic(TOPIC).domains
        named = [name for name in regions if name != DOMAIN] if kind == EQUAL else ()
        kernels = begun(
            folder / "borrowed",
            KERNELS,
            lambda: mt.borrow_kernel(
                others, f"{TOPIC}/{DOMAIN}", folder / "borrowed", log, donors=named
            ),
        )
    table = mt.evaluate(kernels or base, test, base=base if kernels else None, part="fresh").scores
    model, cell = ADAPTED if kernels else ZERO_SHOT, Cell(TOPIC, DOMAIN)
    estimates = {task: table.estimate(model, task, cell, "auc") for task in TASK_METRICS}
    estimates["ctr/log_loss"] = table.estimate(model, "ctr", cell, "log_loss")
    return Outcome(estimates=estimates)

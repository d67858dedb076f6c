"""Outcomes stored as files: readable numbers, and the replicates of their intervals."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from studies.framework.study import Outcome, Settings
from tfrec_mt.evaluation.estimate import Estimate
from tfrec_mt.storage.folders import published_folder

_NUMBERS, _REPLICATES = "outcome.json", "replicates.npz"


def save_outcome(outcome: Outcome, settings: Settings, folder: Path) -> None:
    """Writes an outcome into a new folder, whole or not at all.

    Args:
      outcome: What to keep.
      settings: What it came from, for people who look.
      folder: Where.

    Raises:
      FileExistsError: `folder` exists.
    """
    numbers = {
        "settings": dict(settings),
        "commit": outcome.commit,
        "estimates": {
            name: {"value": _finite(estimate.value), "note": estimate.note}
            for name, estimate in outcome.estimates.items()
        },
        "facts": {name: _finite(value) for name, value in outcome.facts.items()},
        "curves": dict(outcome.curves),
    }
    with published_folder(folder) as temporary:
        text = json.dumps(numbers, indent=1, allow_nan=False)
        (temporary / _NUMBERS).write_text(text, encoding="utf-8")
        # keyed by index, as metric names are not always valid in an archive
        replicates = {str(i): e.replicates for i, e in enumerate(outcome.estimates.values())}
        np.savez_compressed(temporary / _REPLICATES, **replicates)  # type: ignore[arg-type]


def load_outcome(folder: Path) -> Outcome:
    """Reads an outcome written by `save_outcome`."""
    numbers: dict[str, Any] = json.loads((folder / _NUMBERS).read_text(encoding="utf-8"))
    with np.load(folder / _REPLICATES) as replicates:
        estimates = {
            name: Estimate(_number(entry["value"]), replicates[str(place)], entry["note"])
            for place, (name, entry) in enumerate(numbers["estimates"].items())
        }
    return Outcome(
        estimates=estimates,
        facts={name: _number(value) for name, value in numbers["facts"].items()},
        curves={
            name: [(step, value) for step, value in curve]
            for name, curve in numbers["curves"].items()
        },
        commit=numbers.get("commit", ""),
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value

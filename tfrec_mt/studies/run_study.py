"""Runs a study's grid; what is done is not run again."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from tfrec_mt.storage.folders import write_text
from tfrec_mt.storage.lock import locked_folder
from tfrec_mt.studies.outcome_store import load_outcome, save_outcome
from tfrec_mt.studies.study import Outcome, Settings, Study, Variant
from tfrec_mt.training.run_folder import RunFolderError

_SETTINGS_FILE = "study.json"

# by variant, then by seed
Outcomes = Mapping[str, Mapping[int, Outcome]]


def run_study(
    study: Study, output: Path, seeds: Sequence[int], settings: Settings | None = None
) -> Outcomes:
    """Runs every variant with every seed that is not done yet.

    Args:
      study: The study.
      output: Its folder: new, or one of the same study and settings to go on with; seeds may be
        added.
      seeds: Seeds to run.
      settings: Settings that replace the study's own; a variant's come before them.

    Returns:
      All outcomes of these seeds.

    Raises:
      RunFolderError: The folder belongs to another study or other settings.
      SchemaError: A setting that the study does not have.
      LockedError: Another process runs a study there.
    """
    settings = dict(settings or {})
    study.check(settings)
    common = {**study.settings, **settings}
    grid = [(seed, variant) for seed in seeds for variant in study.variants]
    outcomes: dict[str, dict[int, Outcome]] = {variant.name: {} for variant in study.variants}
    with locked_folder(output):
        _check_folder(study, output, common)
        pace = _Pace(sum(not _folder(output, v, s).exists() for s, v in grid))
        for seed, variant in grid:
            folder = _folder(output, variant, seed)
            if not folder.exists():
                pace.say(f"{study.name}: {variant.name}, seed {seed}")
                outcome = study.experiment(
                    {**common, **variant.settings, "seed": seed},
                    output / "runs" / f"seed-{seed}" / variant.slug,
                    output / "runs" / f"seed-{seed}" / "shared",
                )
                save_outcome(outcome, folder)
                pace.step()
            outcomes[variant.name][seed] = load_outcome(folder)
    return outcomes


def _check_folder(study: Study, output: Path, settings: dict[str, Any]) -> None:
    path = output / _SETTINGS_FILE
    now = json.loads(json.dumps({"study": study.name, "settings": settings}))
    if not path.is_file():
        others = sorted(p.name for p in output.iterdir() if not p.name.startswith("."))
        if others:
            raise RunFolderError(f"{output} is not empty and holds no study: {others[:5]}")
        write_text(path, json.dumps(now, indent=1, sort_keys=True))
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    if before != now:
        raise RunFolderError(
            f"{output} holds {before['study']} with {before['settings']}, not {study.name} with "
            f"{now['settings']}; choose another output folder"
        )


def _folder(output: Path, variant: Variant, seed: int) -> Path:
    return output / "outcomes" / variant.slug / f"seed-{seed}"


class _Pace:
    """Says what runs, and how long the rest takes at the pace so far."""

    def __init__(self, runs: int) -> None:
        self._runs, self._done, self._start = runs, 0, time.monotonic()

    def say(self, what: str) -> None:
        left = ""
        if self._done:
            each = (time.monotonic() - self._start) / self._done
            seconds = round(each * (self._runs - self._done))
            left = f", about {timedelta(seconds=seconds)} left"
        print(f"== {what} (run {self._done + 1} of {self._runs}{left})", flush=True)

    def step(self) -> None:
        self._done += 1

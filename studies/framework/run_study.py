"""Runs a study's grid; cells that this or another study has finished are not run again."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from studies.framework.outcome_store import load_outcome, save_outcome
from studies.framework.pace import Pace
from studies.framework.study import Experiment, Outcome, Settings, Study, Variant, settings_key
from tfrec_mt.storage.lock import locked_folder

# by variant, then by seed
Outcomes = Mapping[str, Mapping[int, Outcome]]


def run_study(
    study: Study,
    output: Path,
    seeds: Sequence[int],
    settings: Settings | None = None,
    pace: Pace | None = None,
) -> Outcomes:
    """Runs every variant with every seed, except those already finished.

    Args:
      study: The study.
      output: Folder of studies. A cell of their grids is known by its experiment and settings, so
        studies share the cells that they have in common, and an interrupted study is resumed.
      seeds: Seeds to run.
      settings: Settings that replace the study's own; a variant's come before them.
      pace: Reports progress, where this study is one of several.

    Returns:
      All outcomes of these seeds.

    Raises:
      SchemaError: A setting that the study does not have.
      LockedError: Another process runs a study there.
    """
    grid = list(_grid(study, output, seeds, settings))
    outcomes: dict[str, dict[int, Outcome]] = {variant.name: {} for variant in study.variants}
    with locked_folder(output):
        pace = pace or Pace(len(missing_runs(study, output, seeds, settings)))
        for seed, variant, cell in grid:
            if not cell.done:
                pace.say(f"{study.name}: {variant.name}, seed {seed}")
                cell.run()
                pace.step()
            outcomes[variant.name][seed] = load_outcome(cell.outcome)
    return outcomes


def missing_runs(
    study: Study, output: Path, seeds: Sequence[int], settings: Settings | None = None
) -> set[Path]:
    """Folders of the cells that `run_study` would have to run."""
    grid = _grid(study, output, seeds, settings)
    return {cell.folder for _, _, cell in grid if not cell.done}


def _grid(
    study: Study, output: Path, seeds: Sequence[int], settings: Settings | None
) -> Iterator[tuple[int, Variant, "_Cell"]]:
    settings = dict(settings or {})
    study.check(settings)
    common = {**study.settings, **settings}
    for seed in seeds:
        for variant in study.variants:
            told = {**common, **variant.settings, "seed": seed}
            yield seed, variant, _Cell(study.experiment, told, output)


class _Cell:
    """One run of the grid: an experiment, its settings and its folder."""

    def __init__(self, experiment: Experiment, settings: Settings, output: Path) -> None:
        self._experiment, self._settings = experiment, settings
        self._seed = output / "cells" / experiment.__name__ / f"seed-{settings['seed']}"
        self.folder = self._seed / settings_key(settings)
        self.outcome = self.folder / "outcome"

    @property
    def done(self) -> bool:
        """Whether the cell has been run."""
        return self.outcome.exists()

    def run(self) -> None:
        """Runs the cell and stores its outcome."""
        outcome = self._experiment(self._settings, self.folder / "run", self._seed / "shared")
        save_outcome(outcome, self._settings, self.outcome)

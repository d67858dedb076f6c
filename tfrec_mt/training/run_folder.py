"""The folder of a training run: started once, resumed with the same settings, never overwritten."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfrec_mt.storage.folders import write_text
from tfrec_mt.storage.lock import locked_folder

SETTINGS_FILE = "run.json"


class RunFolderError(RuntimeError):
    """A folder that this run may not write to; says why and what to do."""


def settings_of(config: Any) -> dict[str, Any]:
    """A run's frozen config as JSON values, without the folder it writes to."""
    values = dataclasses.asdict(config)
    del values["output"]
    return dict(json.loads(json.dumps(values, default=str)))


@contextlib.contextmanager
def run_folder(folder: Path, settings: Mapping[str, Any], result: str) -> Iterator[None]:
    """Holds a run's folder for this process.

    Args:
      folder: New or empty, or that of an unfinished run with the same settings.
      settings: Everything that decides the result, as JSON values.
      result: Name of what the finished run leaves in the folder.

    Raises:
      RunFolderError: The run is finished, has other settings, or the folder holds something else.
      LockedError: Another process trains there.
    """
    settings = json.loads(json.dumps(settings))
    with locked_folder(folder):
        path = folder / SETTINGS_FILE
        if (folder / result).exists():
            raise RunFolderError(f"{folder} holds a finished run; choose another output folder")
        if path.is_file():
            _check_same(folder, json.loads(path.read_text(encoding="utf-8")), settings)
        else:
            others = sorted(p.name for p in folder.iterdir() if p.name != ".lock")
            if others:
                raise RunFolderError(f"{folder} is not empty and holds no run: {others[:5]}")
            write_text(path, json.dumps(settings, indent=1, sort_keys=True))
        yield


def _check_same(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    differences = [
        f"{name}: {before.get(name)!r} then, {now.get(name)!r} now"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if differences:
        raise RunFolderError(
            f"{folder} holds an unfinished run with other settings; resume it with its own or "
            "choose another output folder:\n  " + "\n  ".join(differences)
        )

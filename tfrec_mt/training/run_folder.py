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
    return {name: str(v) if isinstance(v, Path) else v for name, v in values.items()}


@contextlib.contextmanager
def run_folder(folder: Path, settings: Mapping[str, Any], result: str) -> Iterator[None]:
    """Holds a run's folder for this process.

    Args:
      folder: New or empty, or that of an unfinished run with the same settings.
      settings: Everything that decides the result, as JSON values.
      result: Name of what the finished run leaves in the folder.

    Raises:
      RunFolderError: The run is finished, has other settings, or the folder holds something else
        or cannot be written to.
      LockedError: Another process trains there.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locked_folder(folder))
            _start(folder, json.loads(json.dumps(settings)), result)
        except OSError as error:
            raise RunFolderError(f"{folder} cannot be written to: {error}") from error
        yield


def _start(folder: Path, settings: dict[str, Any], result: str) -> None:
    path = folder / SETTINGS_FILE
    if (folder / result).exists():
        raise RunFolderError(f"{folder} holds a finished run; choose another output folder")
    if path.is_file():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise RunFolderError(f"{path} is damaged: {error}") from error
        _check_same(folder, _flat(before), _flat(settings))
        return
    others = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    if others:
        raise RunFolderError(f"{folder} is not empty and holds no run: {others[:5]}")
    write_text(path, json.dumps(settings, indent=1, sort_keys=True))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings of settings as `outer.inner`."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _check_same(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    def told(settings: dict[str, Any], name: str) -> str:
        return repr(settings[name]) if name in settings else "not set"

    differences = [
        f"{name}: {told(before, name)} then, {told(now, name)} now"
        for name in sorted(before.keys() | now.keys())
        if told(before, name) != told(now, name)
    ]
    if differences:
        raise RunFolderError(
            f"{folder} holds an unfinished run with other settings; resume it with its own or "
            "choose another output folder:\n  " + "\n  ".join(differences)
        )

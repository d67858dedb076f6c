"""The folder of a training run: started once, resumed with the same settings, never overwritten."""

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any, TypeVar

import keras
from pydantic import TypeAdapter, ValidationError

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.kernel_store import SUFFIX, load_kernels
from tfrec_mt.models.model_store import MODEL_FILE, ModelStoreError, fingerprint, save_model
from tfrec_mt.storage.folders import write_text
from tfrec_mt.storage.json_files import read_json
from tfrec_mt.storage.lock import locked_folder
from tfrec_mt.storage.names import BASE, BEST, CHECKPOINTS, KERNELS, KNOWLEDGE, MODEL, ROWS
from tfrec_mt.training.train_log import EVENTS, LOG_FILE

SETTINGS_FILE = "run.json"
# Everything that a run creates before its first step.
_OF_A_START = frozenset((SETTINGS_FILE, LOG_FILE, EVENTS, CHECKPOINTS, BEST, BASE, ROWS, KNOWLEDGE))


Config = TypeVar("Config")


class RunFolderError(RuntimeError):
    """A folder that this run may not write to."""


def settings_of(config: Any) -> dict[str, Any]:
    """A run's config as JSON values, without its output folder."""
    values = dataclasses.asdict(config)
    del values["output"]
    return {name: str(v) if isinstance(v, Path) else v for name, v in values.items()}


def read_settings(run: Path) -> dict[str, Any]:
    """The settings of a run.

    Raises:
      RunFolderError: The folder is no run's.
    """
    path = run / SETTINGS_FILE
    try:
        settings = read_json(path)
    except OSError as error:
        raise RunFolderError(f"{run}: expected the folder of a run: {error}") from error
    except ValueError as error:
        raise RunFolderError(f"{path} is damaged: {error}") from error
    if not isinstance(settings, dict):
        raise RunFolderError(f"{path} is damaged: expected a JSON object")
    return settings


def config_of(run: Path, kind: type[Config], **changed: Any) -> Config:
    """The config of a run, with defaults for settings that are absent or null.

    Args:
      run: Its folder.
      kind: Class of the config.
      changed: Fields that are different, `output` at least.

    Raises:
      RunFolderError: The folder is no run's, or that of another kind of run.
    """
    named = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    settings = read_settings(run).items()
    told = {name: value for name, value in settings if name in named and value is not None}
    try:
        config: Config = TypeAdapter(kind).validate_python(told | changed)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise RunFolderError(
            f"{run / SETTINGS_FILE}: expected a {kind.__name__}: {place}: {first['msg']}"
        ) from error
    return config


@contextlib.contextmanager
def run_folder(folder: Path, settings: Mapping[str, Any], result: str) -> Iterator[None]:
    """Holds a run's folder for this process.

    A block that fails before its first step, refused or stopped, leaves no run behind, so that the
    corrected command can use the folder.

    Args:
      folder: New or empty, or that of an unfinished run with the same settings.
      settings: Everything that decides the result, as JSON values.
      result: Name of what a finished run leaves in the folder.

    Raises:
      RunFolderError: The run is finished or has other settings, or the folder holds something else
        or is not writable.
      LockedError: Another process trains there.
    """
    there = folder.is_dir()
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locked_folder(folder))
            _start(folder, json.loads(json.dumps(settings)), result)
        except OSError as error:
            raise RunFolderError(f"{folder} cannot be written to: {error}") from error
        try:
            yield
        except BaseException as error:
            # a stopped command is often run again, and can reuse what took long
            kept = () if isinstance(error, Exception) else (ROWS, KNOWLEDGE)
            with contextlib.suppress(OSError):
                _forget(folder, _OF_A_START.difference(kept), there)
            raise


def begun(run: Path) -> bool:
    """Whether a run has saved a step from which it would resume."""
    return any(run.glob("*/step-*"))


def _forget(folder: Path, made: Set[str], there: bool) -> None:
    """Removes a run that has saved no step and holds nothing beyond `made`.

    The folder is removed too, unless it was there before.
    """
    found = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    log = folder / LOG_FILE
    logged = log.is_file() and log.stat().st_size > 0
    if begun(folder) or logged or not found <= made:
        return
    for path in [folder / name for name in found] if there else [folder]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _start(folder: Path, settings: dict[str, Any], result: str) -> None:
    path = folder / SETTINGS_FILE
    if (folder / result).exists():
        raise RunFolderError(f"{folder} holds a finished run; choose another output folder")
    if path.is_file():
        _check_same(folder, _flat(read_settings(folder)), _flat(settings))
        return
    others = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    if others:
        raise RunFolderError(f"{folder} is not empty and holds no run: {others[:5]}")
    write_text(path, json.dumps(settings, indent=1, sort_keys=True))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as `outer.inner`."""
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


def learned_parts(run: Path, data_fingerprint: str) -> tuple[str, ...]:
    """Parts of a dataset that a run's model has learned from, including runs that it continued."""
    if not (run / SETTINGS_FILE).is_file():
        return ()
    settings = read_settings(run)
    own = settings.get("parts", ()) if settings.get("data_fingerprint") == data_fingerprint else ()
    before = settings.get("continue_from") or settings.get("init_from")
    earlier = learned_parts(Path(before), data_fingerprint) if before else ()
    return tuple(dict.fromkeys([*earlier, *own]))


def model_folder(run: str | Path) -> Path:
    """Folder of a run's model.

    Raises:
      ModelStoreError: There is none.
    """
    return _result(Path(run), MODEL, MODEL_FILE)


def kernel_folder(run: str | Path) -> Path:
    """Folder of a run's kernels.

    Raises:
      ModelStoreError: There are none.
    """
    return _result(Path(run), KERNELS, f"*/*{SUFFIX}")


def kernels_behind(base: keras.Model, run: Path | None) -> list[DomainKernels]:
    """A run's kernels, which must be of this base; none without a run."""
    return load_kernels(kernel_folder(run), fingerprint(base)) if run else []


def save_once(
    base: keras.Model, run: Path, vocabularies: Path, data: Path, data_fingerprint: str
) -> None:
    """Saves a base that no run has trained as a finished run, unless it exists.

    Args:
      base: The base.
      run: Run folder to make.
      vocabularies: See `save_model`.
      data: Prepared dataset that the base reads.
      data_fingerprint: Of that dataset.
    """
    if not (run / MODEL).is_dir():
        save_model(base, run / MODEL, vocabularies)
        told = {"data": str(data), "data_fingerprint": data_fingerprint, "parts": []}
        write_text(run / SETTINGS_FILE, json.dumps(told, indent=1))


def _result(run: Path, result: str, content: str) -> Path:
    if (run / result).is_dir():
        return run / result
    if not run.is_dir():
        raise ModelStoreError(
            f"{run} does not exist; expected the folder of a run with its {result}"
        )
    if any(run.glob(content)):
        raise ModelStoreError(
            f"{run} is what a run left; expected the run's folder, {run.absolute().parent}"
        )
    raise ModelStoreError(f"{run} holds no {result}: expected the folder of a finished run")

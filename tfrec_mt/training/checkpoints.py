"""`Checkpoints`: complete checkpoints only, newest first, never a silent fresh start."""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging

from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_file, hash_files, verify_files
from tfrec_mt.storage.json_files import read_json
from tfrec_mt.storage.variables import VariableMismatchError, load_variables, save_variables

FORMAT_VERSION = 1
STATE_FILE = "state.json"
_NAME = re.compile(r"step-(\d+)")


class CheckpointError(RuntimeError):
    """A checkpoint could not be written, or none of those found can be restored."""


class Checkpoints:
    """Checkpoints of one run, each a folder that appears only when it is complete.

    A folder holds the variables and `state.json`: the step, the caller's state and the SHA-256 of
    every other file and of itself. Only one process may use a folder at a time.

    Args:
      folder: Parent of the checkpoints' folders.
      variables: What they hold, by name.
      keep: How many of the newest to keep.
    """

    def __init__(self, folder: Path, variables: Mapping[str, tf.Variable], keep: int = 2) -> None:
        self.folder = folder
        self.variables = variables
        self.keep = keep

    def steps(self) -> list[int]:
        """Steps of all checkpoints, ascending."""
        names = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []
        return sorted(int(match[1]) for match in map(_NAME.fullmatch, names) if match)

    def path(self, step: int) -> Path:
        """Folder of one checkpoint."""
        return self.folder / f"step-{step:012d}"

    def bytes_to_come(self) -> int:
        """Approximate disk space that further checkpoints need."""
        size = sum(v.shape.num_elements() * v.dtype.size for v in self.variables.values())
        # While one is written, the kept ones are all still there.
        return size * (self.keep + 1 - min(len(self.steps()), self.keep))

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Publishes a checkpoint by rename and drops the oldest; an existing one stays.

        Args:
          step: Step after which the variables have their values.
          state: What else a resumed run needs, as JSON values.

        Raises:
          CheckpointError: It could not be written; earlier ones are untouched.
        """
        path = self.path(step)
        if path.exists():
            return
        try:
            with published_folder(path) as temporary:
                save_variables(self.variables, temporary)
                value = {
                    "format_version": FORMAT_VERSION,
                    "step": step,
                    "state": state,
                    "files": hash_files(temporary),
                }
                text = json.dumps(value | {"sha256": _digest(value)}, indent=1)
                (temporary / STATE_FILE).write_text(text, encoding="utf-8")
        except (OSError, tf.errors.OpError) as error:
            free = shutil.disk_usage(self.folder).free
            raise CheckpointError(
                f"{path} could not be written ({free / 1e6:,.1f} MB are free there): "
                f"{error.__cause__ or error}; checkpoints of steps {self.steps()} are untouched"
            ) from error
        for old in self.steps()[: -self.keep]:
            self._remove(self.path(old))

    def restore_latest(self) -> tuple[int, dict[str, Any]] | None:
        """Restores the newest intact checkpoint.

        Newer damaged ones are logged and renamed to `damaged-step-*`, so that their steps can be
        saved again. Half-written folders of killed processes are removed.

        Returns:
          Its step and state, or None if there is no checkpoint at all.

        Raises:
          CheckpointError: No checkpoint is intact, or the newest was written by a newer release.
          VariableMismatchError: An intact checkpoint holds other variables than the model's.
        """
        for leftover in self.folder.glob(".tmp-*"):
            shutil.rmtree(leftover)
        causes: dict[Path, str] = {}
        for step in reversed(self.steps()):
            try:
                state = self._restore(step)
            except VariableMismatchError:
                raise
            except (OSError, ValueError, tf.errors.OpError) as error:
                causes[self.path(step)] = f"{self.path(step)}: {error}"
                continue
            for path, cause in causes.items():
                logging.warning("step %d is restored instead of %s", step, cause)
                aside = path.with_name(f"damaged-{path.name}")
                shutil.rmtree(aside, ignore_errors=True)
                path.rename(aside)
            return step, state
        if causes:
            raise CheckpointError(
                "no checkpoint can be restored; training does not start over by itself:\n  "
                + "\n  ".join(causes.values())
            )
        return None

    def _restore(self, step: int) -> dict[str, Any]:
        state = self.verified(step)
        load_variables(self.variables, self.path(step))
        return state

    def verified(self, step: int) -> dict[str, Any]:
        """Checks a checkpoint's files and returns its state.

        Raises:
          CheckpointError: A newer release has written it.
          OSError: A file is missing or cannot be read.
          ValueError: A file is damaged.
        """
        path = self.path(step)
        try:
            value = read_json(path / STATE_FILE)
        except ValueError as error:
            raise ValueError(f"{path / STATE_FILE} is damaged: {error}") from error
        if not isinstance(value, dict) or value.pop("sha256", "") != _digest(value):
            raise ValueError(f"{path / STATE_FILE} is damaged: its own SHA-256 differs")
        version, state = value.get("format_version"), value.get("state")
        if not isinstance(version, int) or not isinstance(state, dict):
            raise ValueError(f"{path / STATE_FILE} is damaged: it lacks its format or its state")
        if version > FORMAT_VERSION:
            raise CheckpointError(
                f"{path} was written by a newer release in format {version}, this one reads up to "
                f"{FORMAT_VERSION}; resume with that release"
            )
        verify_files(path, value.get("files", {}), STATE_FILE)
        return dict(state)

    def digest(self, step: int) -> str:
        """SHA-256 of a checkpoint."""
        return hash_file(self.path(step) / STATE_FILE)

    def _remove(self, path: Path) -> None:
        """Deletes a checkpoint, renamed first so that half of one is never found."""
        doomed = path.with_name(f".tmp-{path.name}-old")
        path.rename(doomed)
        shutil.rmtree(doomed)


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

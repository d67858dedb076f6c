"""`Checkpoints`: complete checkpoints only, newest first, never a silent fresh start."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging

from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_files, verify_files
from tfrec_mt.storage.variables import VariableMismatchError, load_variables, save_variables

FORMAT_VERSION = 1
STATE_FILE = "state.json"


class CheckpointError(RuntimeError):
    """No checkpoint of a folder that has some can be restored; lists each cause."""


class Checkpoints:
    """Checkpoints of one run, each a folder that appears only when it is complete.

    A folder holds the variables and `state.json`: the step, the loop's state and the SHA-256 of
    every other file. Checkpoints are found by their folders alone.

    Args:
      folder: Where they lie.
      variables: What they hold, by name.
      keep: How many of the newest to keep.
    """

    def __init__(self, folder: Path, variables: Mapping[str, tf.Variable], keep: int = 2) -> None:
        self.folder = folder
        self.variables = variables
        self.keep = keep

    def steps(self) -> list[int]:
        """Steps of the checkpoints that are there, ascending."""
        found = self.folder.glob("step-*") if self.folder.is_dir() else []
        return sorted(int(path.name.removeprefix("step-")) for path in found)

    def path(self, step: int) -> Path:
        """Folder of one checkpoint."""
        return self.folder / f"step-{step:012d}"

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Writes a checkpoint beside, publishes it by rename, and drops the oldest."""
        if self.path(step).exists():
            return
        with published_folder(self.path(step)) as temporary:
            save_variables(self.variables, temporary)
            value = {
                "format_version": FORMAT_VERSION,
                "step": step,
                "state": state,
                "files": hash_files(temporary),
            }
            (temporary / STATE_FILE).write_text(json.dumps(value, indent=1), encoding="utf-8")
        for old in self.steps()[: -self.keep]:
            shutil.rmtree(self.path(old))

    def restore_latest(self) -> tuple[int, dict[str, Any]] | None:
        """Restores the newest checkpoint that is whole, and says which were not.

        Returns:
          Its step and state, or None if there is no checkpoint at all.

        Raises:
          CheckpointError: There are checkpoints, and none is whole.
          VariableMismatchError: A whole checkpoint holds other variables than the model's.
        """
        causes = []
        for step in reversed(self.steps()):
            try:
                return self._restore(step)
            except VariableMismatchError:
                raise
            except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
                causes.append(f"{self.path(step)}: {error}")
                logging.warning("checkpoint skipped: %s", causes[-1])
        if causes:
            raise CheckpointError(
                "no checkpoint can be restored; training does not start over by itself:\n  "
                + "\n  ".join(causes)
            )
        return None

    def _restore(self, step: int) -> tuple[int, dict[str, Any]]:
        path = self.path(step)
        value = json.loads((path / STATE_FILE).read_text(encoding="utf-8"))
        if value["format_version"] > FORMAT_VERSION:
            raise ValueError(
                f"written by a newer release: format {value['format_version']}, "
                f"this one reads {FORMAT_VERSION}"
            )
        verify_files(path, value["files"])
        load_variables(self.variables, path)
        return int(value["step"]), dict(value["state"])

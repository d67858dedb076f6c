"""`TrainLog`: losses as JSON lines and TensorBoard events, without gap or duplicate."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfrec_mt.storage.folders import write_text


class TrainLog:
    """Values by step.

    Entries reach disk only with a checkpoint, so after a kill the log ends where training resumes.

    Args:
      folder: Takes `log.jsonl` and `tensorboard/`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: list[dict[str, Any]] = []
        self._flushed = 0
        self._writer: Any = None

    def restore(self, entries: list[dict[str, Any]]) -> None:
        """Takes over the entries of a checkpoint."""
        self.entries = list(entries)
        self._flushed = len(entries)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Notes values after a step."""
        self.entries.append({"step": step, **values})

    def flush(self) -> None:
        """Writes what is new."""
        lines = [json.dumps(entry) for entry in self.entries]
        write_text(self.folder / "log.jsonl", "\n".join(lines) + "\n")
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self.folder / "tensorboard"))
        with self._writer.as_default():
            for entry in self.entries[self._flushed :]:
                for name, value in entry.items():
                    if name != "step":
                        tf.summary.scalar(name, value, step=entry["step"])
        self._writer.flush()
        self._flushed = len(self.entries)

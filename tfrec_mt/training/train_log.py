"""`TrainLog`: losses as JSON lines and TensorBoard events, without gap or duplicate."""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging

from tfrec_mt.storage.folders import sync

LOG_FILE = "log.jsonl"
EVENTS = "tensorboard"


class TrainLog:
    """Values by step, readable while training runs.

    A checkpoint records the files' lengths, and a resumed run cuts them back to these first, so
    each step is logged once. Each process writes its own event file; TensorBoard reads them as one.

    Args:
      folder: Takes `log.jsonl` and `tensorboard/`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: Any = None
        self._events: Any = None

    def open(self, step: int, lengths: Mapping[str, int]) -> None:
        """Cuts the files back to a checkpoint, and starts to write.

        Args:
          step: Step of the checkpoint; 0 for none.
          lengths: What `flush` returned for it; empty for none.
        """
        events = self.folder / EVENTS
        events.mkdir(parents=True, exist_ok=True)
        for path in (self.folder / LOG_FILE, *events.iterdir()):
            name = path.relative_to(self.folder).as_posix()
            if path.is_file() and name not in lengths:
                path.unlink()
        for name, length in lengths.items():
            path = self.folder / name
            found = path.stat().st_size if path.is_file() else 0
            if found < length:
                logging.warning("%s lost steps: %d of %d bytes are there", path, found, length)
            else:
                os.truncate(path, length)
        self._lines = (self.folder / LOG_FILE).open("a", encoding="utf-8")
        # TensorBoard takes files of this name, in the order of their names.
        path = events / f"events.out.tfevents.{step:012d}"
        self._events = tf.io.TFRecordWriter(str(path))
        self._write_event(file_version="brain.Event:2")

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Logs values after a step.

        Raises:
          OSError: The disk does not take them; names the folder.
        """
        scalars = [
            tf.compat.v1.Summary.Value(tag=name, simple_value=value)
            for name, value in values.items()
        ]
        try:
            self._lines.write(json.dumps({"step": step, **values}) + "\n")
            self._lines.flush()
            self._write_event(step=step, summary=tf.compat.v1.Summary(value=scalars))
        except (OSError, tf.errors.OpError) as error:
            raise OSError(f"{self.folder}: the log of step {step} is not whole: {error}") from error

    def flush(self) -> dict[str, int]:
        """Forces everything to the disk; returns the length of each file for `open`."""
        paths = [self.folder / LOG_FILE, *sorted((self.folder / EVENTS).iterdir())]
        for path in paths:
            sync(path)
        return {p.relative_to(self.folder).as_posix(): p.stat().st_size for p in paths}

    def entries(self) -> list[dict[str, Any]]:
        """All entries, those of earlier processes included."""
        text = (self.folder / LOG_FILE).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    @property
    def path(self) -> Path:
        """The file of JSON lines."""
        return self.folder / LOG_FILE

    def last_step(self) -> int:
        """Step of the last whole entry; 0 if there is none."""
        if not self.path.is_file():
            return 0
        for line in reversed(self.path.read_text(encoding="utf-8", errors="replace").splitlines()):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                return int(json.loads(line)["step"])
        return 0

    def close(self) -> None:
        self._lines.close()
        self._events.close()

    def _write_event(self, **fields: Any) -> None:
        event = tf.compat.v1.Event(wall_time=time.time(), **fields)
        self._events.write(event.SerializeToString())
        self._events.flush()

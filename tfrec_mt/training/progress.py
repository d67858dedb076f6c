"""`Progress`: one line with rows per second and remaining time."""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TextIO

from tfrec_mt.training.notebook_line import NotebookLine, notebook_display

_BAR_WIDTH = 20
_REDRAWN_SECONDS = 1.0
_PLAIN_SECONDS = 10.0
_WAITING_SHOWN = 0.03


class Progress:
    """Shows how far a run is: a line that is redrawn on a terminal or in a notebook, else lines.

    It is redrawn at most once a second; lines come at most every ten seconds and at the end. Rates
    leave out everything up to the first call's end, which compiles the graph. Time spent waiting
    for data is told where it is 3% or more.

    Args:
      label: What is running.
      steps: Steps in all.
      rows: Rows per step.
      done: Steps done before, in a resumed run.
      stream: Where to write; by default the notebook that this runs in, else stderr.
      clock: Seconds.
      display: Shows in a notebook, as `IPython.display.display` does, instead of the stream.
    """

    def __init__(
        self,
        label: str,
        steps: int,
        rows: int,
        done: int = 0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        display: Callable[..., Any] | None = None,
    ) -> None:
        self._label = label
        self._steps = steps
        self._rows = rows
        self._step = done
        self._stream = stream or sys.stderr
        self._clock = clock
        if display is None and stream is None:
            display = notebook_display()
        self._notebook = NotebookLine(display) if display else None
        self._terminal = self._notebook is None and self._stream.isatty()
        redrawn = self._terminal or self._notebook
        self._seconds = _REDRAWN_SECONDS if redrawn else _PLAIN_SECONDS
        self._started = clock()
        self._loss = float("nan")
        self._waited = 0.0
        # step and time from which the rate counts, and those of the last line
        self._warm: tuple[int, float] | None = None
        self._shown: tuple[int, float] | None = None

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time within as waiting for data."""
        started = self._clock()
        yield
        self._waited += self._clock() - started

    def advance(self, step: int, loss: float) -> None:
        """Moves to a step, with the latest loss."""
        now = self._clock()
        self._step, self._loss = step, loss
        if self._shown is None or now - self._shown[1] >= self._seconds:
            self._show(now)
        if self._warm is None:
            self._warm = (step, now)
            self._waited = 0.0

    def text(self, now: float) -> str:
        """The line, without the bar."""
        parts = [f"step {self._step:,} of {self._steps:,}", f"loss {self._loss:.4f}"]
        if self._warm and self._step > self._warm[0] and now > self._warm[1]:
            rate = (self._step - self._warm[0]) / (now - self._warm[1])
            parts.append(f"{rate * self._rows:,.0f} rows/s")
            share = self._waited / (now - self._warm[1])
            if share >= _WAITING_SHOWN:
                parts.append(f"{share:.0%} of the time waiting for data")
            if self._step < self._steps:
                parts.append(f"{_time((self._steps - self._step) / rate)} left")
        if self._step >= self._steps:
            parts.append(f"took {_time(now - self._started)}")
        return ", ".join(parts)

    def _show(self, now: float) -> None:
        text = self.text(now)
        filled = "#" * (self._step * _BAR_WIDTH // self._steps)
        with_bar = f"{self._label} [{filled:.<{_BAR_WIDTH}}] {text}"
        if self._notebook:
            self._notebook.show(with_bar)
        elif self._terminal:
            # A line that wraps cannot be redrawn.
            self._write(f"\r{with_bar[: shutil.get_terminal_size().columns - 1]}\x1b[K")
        else:
            self._write(f"{self._label}: {text}\n")
        self._shown = (self._step, now)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown is None:
            return
        if self._shown[0] != self._step:
            self._show(self._clock())
        if self._terminal:
            self._write("\n")


def _time(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))

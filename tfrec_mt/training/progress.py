"""`Progress`: tqdm's line with rows per second and remaining time."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import TextIO

from tqdm import tqdm

_REDRAWN_SECONDS = 1.0
_PLAIN_SECONDS = 60.0
_WAITING_SHOWN = 0.03


class Progress(tqdm):  # type: ignore[type-arg]  # generic in its stubs only
    """Shows the progress of a run: a line redrawn on a terminal or in a notebook, else new lines.

    The line is redrawn at most once a second; new lines appear at most once a minute and at the
    end. Rates leave out the first call, which compiles the graph. The share of time spent waiting
    for data is shown from 3% on. Each validated epoch has its own line.

    Args:
      label: What is running.
      steps: Steps in all.
      rows: Rows per step.
      done: Steps done before, in a resumed run.
      stream: Where to write; by default stderr, or a notebook's output.
    """

    def __init__(
        self, label: str, steps: int, rows: int, done: int = 0, stream: TextIO | None = None
    ) -> None:
        stream, redrawn = (stream, stream.isatty()) if stream else shown_stream()
        self._rows = rows
        self._warm = False
        self._waited = 0.0
        self._told: float | None = None
        self._trained = self._waiting = self._validated = ""
        super().__init__(
            desc=label,
            total=steps * rows,
            initial=done * rows,
            file=stream,
            leave=redrawn,
            unit=" rows",
            unit_scale=True,
            mininterval=_REDRAWN_SECONDS if redrawn else _PLAIN_SECONDS,
            miniters=1,
            smoothing=0.0,
            dynamic_ncols=redrawn,
        )

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time inside the block as waiting for data."""
        started = monotonic()
        yield
        self._waited += monotonic() - started

    def advance(self, step: int, loss: float) -> None:
        """Moves to a step, with the latest loss."""
        elapsed = self.format_dict["elapsed"]
        share = self._waited / elapsed if self._warm and elapsed else 0.0
        self._trained = f"loss {loss:.4f}"
        self._waiting = f", {share:.0%} waiting for data" if share >= _WAITING_SHOWN else ""
        self._set_postfix()
        if not self._warm:
            self._warm, self._waited = True, 0.0
            self.n = self.initial = step * self._rows
            self.unpause()
            self.refresh()
        self.update(step * self._rows - self.n)

    def validated(self, losses: Sequence[float]) -> None:
        """Shows the validation loss of the last of some epochs, and the best of them."""
        best = losses.index(min(losses)) + 1
        worse = best < len(losses)
        self._validated = f", validation {losses[-1]:.4f}"
        self._validated += f", best {min(losses):.4f}" if worse else ""
        self._set_postfix()
        told = f"best: epoch {best}, {min(losses):.5f}" if worse else "best so far"
        line = f"{self.desc}: epoch {len(losses)}, validation {losses[-1]:.5f} ({told})"
        if self.leave:
            self.write(line, file=self.fp)
        else:
            print(line, file=self.fp, flush=True)

    def _set_postfix(self) -> None:
        told = f"{self._trained}{self._validated}{self._waiting}"
        self.set_postfix_str(told, refresh=False)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        if self.leave:
            super().display(msg, pos)
        elif self.n != self._told:
            self._told = self.n
            self.fp.write(f"{self}\n")
            self.fp.flush()


def say(text: str) -> None:
    """Prints a line for the user where progress is shown."""
    print(text, file=shown_stream()[0], flush=True)


def shown_stream() -> tuple[TextIO, bool]:
    """Where progress is written: stderr, or what a notebook shows below a cell.

    Returns:
      The stream, and whether a line is redrawn there.
    """
    # a notebook's stdout obeys carriage returns, but is not a terminal
    if type(sys.stdout).__module__.startswith("ipykernel."):
        return sys.stdout, True
    return sys.stderr, sys.stderr.isatty()

"""`Progress`: a bar with rows per second and remaining time."""

from typing import Any

from tqdm import tqdm


class Progress:
    """A progress bar over steps; a plain line now and then where there is no terminal.

    Args:
      label: What is running.
      steps: Steps in all.
      rows: Rows per step.
      done: Steps done before, in a resumed run.
    """

    def __init__(self, label: str, steps: int, rows: int, done: int = 0) -> None:
        self._rows = rows
        self._seconds = 0.0
        self._steps = 0
        self._bar: Any = tqdm(
            total=steps,
            initial=done,
            desc=label,
            unit="step",
            dynamic_ncols=True,
            mininterval=1.0,
            maxinterval=30.0,
        )

    def advance(self, step: int, loss: float, seconds: float) -> None:
        """Moves to a step, with the latest loss and the seconds since the last call."""
        delta = step - self._bar.n
        # the first call compiles the graph and says nothing about speed
        if self._bar.n != self._bar.initial:
            self._seconds += seconds
            self._steps += delta
            rate = self._steps * self._rows / self._seconds
            self._bar.set_postfix_str(f"loss {loss:.4f}, {rate:,.0f} rows/s", refresh=False)
        self._bar.update(delta)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

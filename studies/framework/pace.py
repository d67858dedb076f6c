"""`Pace`: prints the current run and the estimated time left."""

import time
from datetime import timedelta


class Pace:
    """Prints the current run and the time left at the pace so far.

    Args:
      runs: How many runs there will be.
    """

    def __init__(self, runs: int) -> None:
        self._runs, self._done, self._start = runs, 0, time.monotonic()

    def say(self, what: str) -> None:
        """Announces a run, with the time left."""
        left = ""
        if self._done:
            each = (time.monotonic() - self._start) / self._done
            seconds = round(each * (self._runs - self._done))
            left = f", about {timedelta(seconds=seconds)} left"
        print(f"== {what} (run {self._done + 1} of {self._runs}{left})", flush=True)

    def step(self, runs: int = 1) -> None:
        """Counts finished runs."""
        self._done += runs

"""Contenders that are timed in turns, each in its own process.

Two runtimes in one process would share cores with each other's idle threads, and some of the peers
cannot be imported together. Turns alternate, so that drift of the machine affects all alike.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Right after a contender's turn, its threads still spin for work.
_PAUSE_SECONDS = 0.3


@dataclass(frozen=True)
class Timing:
    """Seconds per step in several turns."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median over turns."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """Minimum and maximum over turns."""
        return min(self.seconds), max(self.seconds)


class Contender:
    """A process that trains on request.

    Args:
      module: Module that calls `serve`, run by this interpreter.
      settings: Handed to it as JSON.
      env: Environment variables that it needs.
    """

    def __init__(
        self, module: str, settings: Mapping[str, Any], env: Mapping[str, str] | None = None
    ) -> None:
        self.module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **(env or {})},
            text=True,
        )
        self.about: dict[str, Any] = self._answer()

    def ask(self, command: str, *arguments: Any) -> Any:
        """Runs a command in the process and returns its result."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([command, *arguments]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("answer "):
                return json.loads(line.removeprefix("answer "))
        raise RuntimeError(f"{self.module} ended with exit code {self._process.wait()}")


def serve(about: Mapping[str, Any], commands: Mapping[str, Callable[..., Any]]) -> None:
    """Answers a `Contender`'s commands until it closes.

    Args:
      about: Said first, such as versions.
      commands: Functions of JSON values by name.
    """
    print("answer " + json.dumps(about), flush=True)
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        print("answer " + json.dumps(commands[command](*arguments)), flush=True)


def take_turns(
    contenders: Mapping[str, Contender], steps: int, rounds: int, warm_up: int = 2
) -> dict[str, Timing]:
    """Times `steps` steps of each contender, `rounds` times, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(warm_up + rounds):
        for name, contender in contenders.items():
            time.sleep(_PAUSE_SECONDS)
            took = contender.ask("time", steps)
            if turn >= warm_up:
                seconds[name].append(took / steps)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def settings_of_process(arguments: Sequence[str]) -> dict[str, Any]:
    """Parses the settings that a contender's process was started with."""
    settings: dict[str, Any] = json.loads(arguments[1])
    return settings

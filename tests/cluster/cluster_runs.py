"""Processes of a cluster on this machine, and what their runs leave."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

ROOT = Path(__file__).parents[2]
FIRST_PORT = 23450
PRETRAIN = (sys.executable, "-m", "tfrec_mt.pipelines.pretrain")

Weights = dict[str, np.ndarray[Any, Any]]
Process = subprocess.Popen[str]


class Cluster:
    """Starts processes, in a network that has nothing but a loopback device.

    TensorFlow's cluster server listens on every address of the machine, so it gets one of its own.

    Args:
      prefix: Of each command, which runs it in that network.
    """

    def __init__(self, prefix: tuple[str, ...]) -> None:
        self._prefix = prefix
        self.started: list[Process] = []

    def start(self, *command: str, told: dict[str, Any] | None = None) -> Process:
        """Starts a process; with a `TF_CONFIG` if one is told."""
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
        if told is not None:
            environment["TF_CONFIG"] = json.dumps(told)
        process = subprocess.Popen(
            [*self._prefix, *command],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def workers(self, count: int, *command: str, extra: tuple[str, ...] = ()) -> list[Process]:
        """Starts workers of one cluster with the same command; `extra` only for the last one."""
        addresses = [f"127.0.0.1:{FIRST_PORT + place}" for place in range(count)]
        return [
            self.start(
                *command,
                "--distribute=multi_worker",
                *(extra if place == count - 1 else ()),
                told={
                    "cluster": {"worker": addresses},
                    "task": {"type": "worker", "index": place},
                },
            )
            for place in range(count)
        ]


def ends(processes: list[Process], timeout: float = 300.0) -> list[int]:
    """Exit codes; what the processes said is shown if a test fails."""
    codes = []
    for process in processes:
        _, said = process.communicate(timeout=timeout)
        print(said[-2000:])
        codes.append(process.returncode)
    return codes


def weights(run: Path) -> Weights:
    """All variables of a run's last checkpoint."""
    last = max((run / "checkpoints").glob("step-*"))
    reader = tf.train.load_checkpoint(str(last / "variables"))
    found = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    return {n: value for n, value in found.items() if isinstance(value, np.ndarray)}


def last_step(run: Path) -> int:
    """The last step that a run has logged."""
    return int(json.loads((run / "log.jsonl").read_text().splitlines()[-1])["step"])


def lines(run: Path) -> int:
    """Lines that a run has logged, one for each call of some steps."""
    try:
        return (run / "log.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def wait_until(reached: Callable[[], bool], timeout: float = 180.0) -> None:
    """Waits for something that a process does."""
    deadline = time.monotonic() + timeout
    while not reached():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)

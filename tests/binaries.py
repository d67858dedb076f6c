"""Runs the binaries as a person runs them."""

import os
import subprocess
import sys
from pathlib import Path

SMALL_MODEL = ("--embedding_width=4", "--units=16,8", "--heads=2", "--head_width=4")


def run_binary(binary: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs one and waits, however it ends."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-m", f"tfrec_mt.pipelines.{binary}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def succeed(binary: str, *arguments: str) -> str:
    """What one prints that must end well."""
    done = run_binary(binary, *arguments)
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout

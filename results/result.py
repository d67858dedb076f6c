"""Figures of studies and benchmarks: one JSON file per command, rendered as pages."""

import functools
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from results.readme import figures, with_figures
from tfrec_mt.storage.folders import write_text

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDER = REPOSITORY / "docs" / "results"
README = REPOSITORY / "README.md"
# The index marks those without a result file.
STUDIES = (
    "ab_test",
    "ali_ccp",
    "ali_express",
    "baselines",
    "carried",
    "case_study",
    "census_income",
    "control_test",
    "cross_topic",
    "daily",
    "encoding_width",
    "first_hour",
    "first_kernels",
    "information_plane",
    "kuai_rand",
    "long_history",
    "mtrec_curves",
    "mtrec_table1",
    "mtrec_table1_ebnerd",
    "new_domain",
    "news_kernels",
    "overlap",
    "plain_keras",
    "plain_keras_rates",
    "public_data",
    "pull",
    "rates",
    "scoreboard",
    "served_precision",
    "shift",
    "surgery",
    "tastes",
    "time_span",
)
_NOTE = "Written by `make results` from the JSON files in this folder; do not edit."


def processor() -> str:
    """The processor's model name and family, and how many processors this process may use."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    told = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    name = told.get("model name", platform.machine())
    return f"{len(os.sched_getaffinity(0))} x {name}, family {told.get('cpu family', 'unknown')}"


@functools.cache
def commit() -> str:
    """The checked-out commit, with `-dirty` if files differ; empty outside a repository.

    Results do not count: they are written while a study after them runs.
    """
    results = f":!{FOLDER.relative_to(REPOSITORY)}"
    try:
        found = _git("describe", "--always", "--abbrev=8")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", results)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{found}-dirty" if changed else found


def _git(*command: str) -> str:
    told = subprocess.run(
        ["git", "-C", str(REPOSITORY), *command], capture_output=True, text=True, check=True
    )
    return told.stdout.strip()


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a result.

    Args:
      columns: Heads of its columns.
      rows: Its cells.
      caption: What stands above it.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one command measured.

    Args:
      name: Name of its file.
      title: Heading.
      command: What to run for it.
      about: Paragraphs on what is compared, expected and found.
      columns: Heads of its table.
      rows: The table's cells.
      tables: Further tables.
      figures: The tables as numbers, where programs need them.
      pictures: Files next to the result's.
      kind: What measured it.
      day: When it was measured.
      commits: With which code; none where it was not noted.
      processor: On what; empty where it was not noted.
    """

    name: str
    title: str
    command: str
    about: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    tables: Sequence[Table] = ()
    figures: Sequence[Mapping[str, Any]] = ()
    pictures: Sequence[str] = ()
    kind: Literal["benchmark", "study"] = "benchmark"
    day: str = field(default_factory=lambda: date.today().isoformat())
    commits: Sequence[str] = field(default_factory=lambda: [commit()])
    processor: str = field(default_factory=processor)

    def publish(self, drawings: Mapping[str, str] | None = None) -> None:
        """Prints and saves the result, then renders the pages of all results.

        Args:
          drawings: Content of pictures that are not there yet, by name.
        """
        print(self.markdown())
        FOLDER.mkdir(exist_ok=True)
        for name, drawing in (drawings or {}).items():
            write_text(FOLDER / name, drawing)
        told = asdict(self)
        # one figure per line: indented, these files would be mostly whitespace
        figures = ",\n".join(f"  {json.dumps(figure)}" for figure in told.pop("figures"))
        text = json.dumps(told, indent=1).removesuffix("\n}")
        write_text(FOLDER / f"{self.name}.json", f'{text},\n "figures": [\n{figures}\n ]\n}}\n')
        render()

    def markdown(self, level: int = 2) -> str:
        """The result's section of a page, with a heading of the given level."""
        code = f"commit {', '.join(self.commits)}" if any(self.commits) else ""
        told = (f"`{self.command}`", self.day, code, self.processor)
        blocks = [f"{'#' * level} {self.title}", *self.about, ", ".join(filter(None, told))]
        for table in (Table(columns=self.columns, rows=self.rows), *self.tables):
            cells = [table.columns, ["---"] * len(table.columns), *table.rows]
            lines = ["| " + " | ".join(map(str, row)) + " |" for row in cells]
            blocks += [*filter(None, [table.caption]), "\n".join(lines)]
        blocks += [f"![{self.title}]({picture})" for picture in self.pictures]
        return "\n\n".join(blocks) + "\n"


def render() -> None:
    """Writes a page per study, one page for all benchmarks, the index and README's figures."""
    results = [_read(path) for path in sorted(FOLDER.glob("*.json"))]
    studies = [result for result in results if result.kind == "study"]
    benchmarks = [result for result in results if result.kind == "benchmark"]
    pages = {f"{result.name}.md": result.markdown(level=1) for result in studies}
    pages["benchmarks.md"] = "\n".join(
        ["# Benchmarks\n", *(result.markdown() for result in benchmarks)]
    )
    index = ["# Results", "", "| what | command | measured |", "|---|---|---|"]
    for result in [*studies, *benchmarks]:
        index.append(f"| [{result.title}]({_page(result)}) | `{result.command}` | {result.day} |")
    published = {result.name for result in results}
    for name in STUDIES:
        if name not in published:
            command = f"python -m studies.run --study={name} --publish"
            index.append(f"| {name} | `{command}` | no result file |")
    contents = [
        "",
        "```{toctree}",
        ":hidden:",
        "",
        *sorted(name[: -len(".md")] for name in pages),
        "```",
    ]
    pages["index.md"] = "\n".join([*index, *contents]) + "\n"
    for name, text in pages.items():
        head, rest = text.split("\n", 1)
        write_text(FOLDER / name, f"{head}\n\n{_NOTE}\n{rest}")
    table = figures(
        {
            result.name: [
                (of.columns, of.rows)
                for of in (Table(columns=result.columns, rows=result.rows), *result.tables)
            ]
            for result in results
        },
        {result.name: _page(result) for result in results},
    )
    write_text(README, with_figures(README.read_text(encoding="utf-8"), table))


def _page(result: Result) -> str:
    return f"{result.name if result.kind == 'study' else 'benchmarks'}.md"


def published_result(name: str) -> Result | None:
    """The result published under a name, or None."""
    path = FOLDER / f"{name}.json"
    return _read(path) if path.is_file() else None


def _read(path: Path) -> Result:
    told = {"commits": (), "processor": "", **json.loads(path.read_text(encoding="utf-8"))}
    return Result(**told | {"tables": [Table(**table) for table in told.get("tables", ())]})


def told(versions: Mapping[str, str]) -> str:
    """Versions as a sentence."""
    return "Versions: " + ", ".join(f"{name} {value}" for name, value in versions.items()) + "."


def milliseconds(seconds: float) -> str:
    """A time in milliseconds, as a table shows it."""
    return f"{seconds * 1e3:.1f}"

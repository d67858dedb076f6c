"""The fault contract: what may happen to data, files, runs and requests, and which tests decide it.

`tests/faults/cases.tsv` lists the cases. A test decides one if it is marked `fault_case` with its
name, or if its node id matches the pattern of the case. `make test-faults` runs these tests alone
and writes `docs/reliability.md`. What a test records as `came`, such as how many of how many tries
came well, is shown there: `record_property("came", "20 of 20 kills: the same weights")`.
"""

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

Record = Callable[[str, object], None]  # the fixture `record_property`
MARK = "fault_case"
CAME = "came"


@dataclass(frozen=True)
class Case:
    """One case; `tests` is a pattern of node ids, `note` says why there is no test."""

    case: str
    what: str
    tests: str
    note: str


@functools.cache
def cases() -> list[Case]:
    """All cases."""
    lines = (Path(__file__).parent / "faults" / "cases.tsv").read_text(encoding="utf-8")
    return [Case(*line.split("\t")) for line in lines.splitlines()[1:]]


def decided_by(item: pytest.Item) -> set[str]:
    """The cases that a test decides."""
    marked = {str(mark.args[0]) for mark in item.iter_markers(MARK)}
    matched = {c.case for c in cases() if c.tests and re.search(c.tests, item.nodeid)}
    return marked | matched


class FaultReport:
    """Counts outcomes of tests by case, and writes them to a page at the end."""

    def __init__(self, page: Path, chosen: str) -> None:
        self._page = page
        self._chosen = chosen
        self._outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self._came: dict[str, dict[str, None]] = defaultdict(dict)  # in order, each once

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes the outcome of a test, or of what it needed if that failed or cannot be had."""
        if report.when == "call" or not report.passed:
            told = [str(value) for key, value in report.user_properties if key == CAME]
            for key, case in report.user_properties:
                if key == MARK:
                    self._outcomes[str(case)][report.outcome] += 1
                    self._came[str(case)].update(dict.fromkeys(told))

    def pytest_sessionfinish(self) -> None:
        """Writes the page."""
        rows, met = [], 0
        for case in cases():
            found = self._outcomes[case.case]
            passed, failed = found["passed"], found["failed"]
            if failed:
                came = "**failed**"
            elif passed:
                came = ": ".join(["met", *filter(None, ["; ".join(self._came[case.case])])])
            else:
                came = case.note or ("could not be run here" if found["skipped"] else "no test")
            met += passed > 0 and not failed
            tests = f"{passed} of {passed + failed}" if passed + failed else ""
            rows.append(f"| {case.case} | {case.what} | {tests} | {came} |")
        self._page.write_text(
            _HEAD.format(met=met, all=len(rows), chosen=self._chosen) + "\n".join([*rows, ""])
        )


_HEAD = """# Reliability

What may happen to data, files, runs and requests, and what came when it did: files cut and flipped,
processes killed, disks filled, servers asked for nonsense. {met} of {all} cases are met, as tests
found; `make test-faults` runs them and writes this page. This one is of the tests that are
`{chosen}`.

| case | what, and what must come of it | tests passed | came |
| --- | --- | --- | --- |
"""

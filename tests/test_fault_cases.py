"""The fault contract and its page."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests import fault_cases
from tests.fault_cases import CAME, MARK, Case, FaultReport, cases

TESTS = Path(__file__).parent


def test_every_mark_names_a_case_and_every_case_is_decided_or_says_why_not() -> None:
    marked: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        marked |= set(re.findall(r'fault_case\("([^"]+)"\)', path.read_text(encoding="utf-8")))
    names = [case.case for case in cases()]
    assert len(set(names)) == len(names)
    assert marked <= set(names)
    for case in cases():
        assert case.case in marked or case.tests or case.note, case


def _report(when: Any, outcome: Any, *properties: tuple[str, str]) -> pytest.TestReport:
    place = ("test_it.py", 1, "test_it")
    return pytest.TestReport("it", place, {}, outcome, None, when, user_properties=properties)


def test_the_page_says_how_many_tests_passed_and_what_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("met", "figures", "failed", "skipped", "open", "none")
    note = {"open": "not built yet"}
    told = [Case(name, f"what of {name}", "", note.get(name, "")) for name in names]
    monkeypatch.setattr(fault_cases, "cases", lambda: told)
    report = FaultReport(tmp_path / "page.md", "not real_data")
    for found in (
        _report("call", "passed", (MARK, "met")),
        _report("call", "passed", (MARK, "figures"), (CAME, "20 of 20 kills")),
        _report("call", "passed", (MARK, "figures"), (CAME, "20 of 20 kills")),
        _report("call", "passed", (MARK, "figures"), (CAME, "p99 10 ms")),
        _report("call", "passed", (MARK, "failed"), (CAME, "1 of 2")),
        _report("call", "failed", (MARK, "failed")),
        _report("setup", "passed", (MARK, "none")),
        _report("setup", "skipped", (MARK, "skipped")),
    ):
        report.pytest_runtest_logreport(found)
    report.pytest_sessionfinish()
    page = (tmp_path / "page.md").read_text()
    assert "2 of 6 cases are met" in page and "`not real_data`" in page
    assert page.splitlines()[-6:] == [
        "| met | what of met | 1 of 1 | met |",
        "| figures | what of figures | 3 of 3 | met: 20 of 20 kills; p99 10 ms |",
        "| failed | what of failed | 1 of 2 | **failed** |",
        "| skipped | what of skipped |  | could not be run here |",
        "| open | what of open |  | not built yet |",
        "| none | what of none |  | no test |",
    ]

"""Published figures and their pages."""

import json
import shutil
from pathlib import Path

import pytest

from results import result
from results.readme import SHOWN, with_figures
from results.result import FOLDER, README, STUDIES, Result, Table, render


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(result, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(result, "README", tmp_path / "README.md")
    shutil.copy(README, tmp_path / "README.md")
    return tmp_path / "results"


def of(name: str, **settings: object) -> Result:
    told = {
        "title": name.title(),
        "command": f"python -m {name}",
        "about": ["What is compared.", "What came."],
        "columns": ["who", "AUC"],
        "rows": [["we", 0.5]],
        "commits": ["0123abcd"],
        "day": "2026-01-02",
        "processor": "2 x some",
    }
    return Result(name=name, **told | settings)  # type: ignore[arg-type]


def test_a_study_has_a_page_and_benchmarks_share_one(folder: Path) -> None:
    more = [Table(caption="By domain", columns=["domain", "AUC"], rows=[["us", 0.6]])]
    of("shift", kind="study", tables=more, figures=[{"variant": "we", "value": 0.5}]).publish()
    for name in ("speed", "memory"):
        of(name).publish()
    text = (folder / "shift.md").read_text()
    assert text.startswith("# Shift\n")
    assert "`python -m shift`, 2026-01-02, commit 0123abcd, 2 x some" in text
    assert "| who | AUC |\n| --- | --- |\n| we | 0.5 |" in text
    assert text.index("By domain") > text.index("What came.")
    assert json.loads((folder / "shift.json").read_text())["figures"][0]["variant"] == "we"
    both = (folder / "benchmarks.md").read_text()
    assert both.index("## Memory") < both.index("## Speed")
    index = (folder / "index.md").read_text()
    assert "[Shift](shift.md)" in index
    assert "[Speed](benchmarks.md)" in index
    before = {path.name: path.read_text() for path in folder.iterdir()}
    render()
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


def test_committed_pages_are_of_their_files(folder: Path) -> None:
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.md"))
    render()
    expected = {path.name: path.read_text() for path in FOLDER.glob("*.md")}
    assert {path.name: path.read_text() for path in folder.glob("*.md")} == expected
    assert (folder.parent / "README.md").read_text() == README.read_text()
    for page in folder.glob("*.md"):
        assert all((FOLDER / name).exists() for name in _pictures(page))


def test_figures_of_readme_come_from_files(folder: Path) -> None:
    shown = [one.what for one in SHOWN]
    for one in SHOWN:
        cells = [*one.row, *["-"] * 3, "+0.1"]
        columns = [*"abcde"[: len(cells) - 1], one.column]
        of(one.result, columns=columns, rows=[cells]).publish()
        assert f"| {one.what} | +0.1 |" in (folder.parent / "README.md").read_text()
    for path in folder.glob("*.json"):
        path.unlink()
    render()
    readme = (folder.parent / "README.md").read_text()
    assert readme.count("| no result file |") == len(shown)
    with pytest.raises(ValueError, match="expected the lines"):
        with_figures("no marks", "")


def test_a_study_without_a_file_is_listed_as_that(folder: Path) -> None:
    of("baselines", kind="study").publish()
    lines = (folder / "index.md").read_text().splitlines()
    missing = [line.split()[1] for line in lines if line.endswith("| no result file |")]
    assert set(missing) == set(STUDIES) - {"baselines"} and len(missing) > 20


def _pictures(page: Path) -> list[str]:
    lines = page.read_text().splitlines()
    return [line.rpartition("(")[2].rstrip(")") for line in lines if line.startswith("![")]

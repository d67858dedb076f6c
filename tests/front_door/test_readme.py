"""README's first screen does what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shop import shop_rows

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def _block() -> str:
    found = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_first_screen_is_short_and_its_pictures_and_links_are_there() -> None:
    assert len([line for line in _block().splitlines() if line]) <= 15
    for target in re.findall(r"\]\(([^)#]+)", TEXT):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


@pytest.mark.slow
def test_the_first_lines_of_python_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop_rows(6_000).write_csv(tmp_path / "clicks.csv")
    # in a process of its own: a person starts with nothing imported
    found = subprocess.run(
        [sys.executable, "-c", _block()],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert "AUC, task ctr" in found.stdout and "market  us" in found.stdout
    assert "Series: 'ctr' [f32]" in found.stdout
    assert (tmp_path / "runs" / "shop" / "export" / "1" / "saved_model.pb").is_file()

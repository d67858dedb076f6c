"""README's first screen does what it says."""

import re
import sys
from pathlib import Path

import pytest

from tests.doc_blocks import ROOT, blocks, run
from tests.shop import shop_rows

README = ROOT / "README.md"


def _block() -> str:
    first, *_ = blocks(README, "python")
    return first


def test_the_first_screen_is_short_and_its_pictures_and_links_are_there() -> None:
    assert len([line for line in _block().splitlines() if line]) <= 15
    for target in re.findall(r"\]\(([^)#]+)", README.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


@pytest.mark.slow
def test_the_first_lines_of_python_run(tmp_path: Path) -> None:
    shop_rows(6_000).write_csv(tmp_path / "clicks.csv")
    out = run([sys.executable, "-c", _block()], tmp_path)
    assert "AUC, task ctr" in out and "market  us" in out
    assert "Series: 'ctr' [f32]" in out
    assert (tmp_path / "runs" / "shop" / "export" / "1" / "saved_model.pb").is_file()

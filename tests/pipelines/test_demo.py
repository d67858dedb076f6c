"""The demo, run as a person runs it, on few rows."""

import json
from pathlib import Path

import pytest

from tests.binaries import SMALL_MODEL, run_binary, succeed


@pytest.mark.slow
def test_the_demo_ends_with_its_files(tmp_path: Path) -> None:
    out = succeed(
        "demo",
        f"--output={tmp_path / 'demo'}",
        "--rows=30000",
        "--cases=unknown",
        "--batch_size=512",
        *SMALL_MODEL,
    )
    assert "largest difference to the model in memory" in out
    for name in ("report.html", "metrics.json", "export/1/saved_model.pb"):
        assert (tmp_path / "demo" / name).is_file()
    settings = json.loads((tmp_path / "demo" / "run.json").read_text())
    assert settings["split"] == "days train:6,fresh:1,test:1"
    again = run_binary("demo", f"--output={tmp_path / 'demo'}", "--rows=30000", "--cases=unknown")
    assert again.returncode == 1 and "finished run" in again.stderr

"""The binaries on news, run as a person runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.news_jobs import NewsJob

pytestmark = pytest.mark.slow  # whole jobs, minutes


def _run(binary: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        [sys.executable, "-m", f"tfrec_mt.pipelines.{binary}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def _succeed(binary: str, *arguments: str) -> str:
    done = _run(binary, *arguments)
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout


def test_news_are_evaluated_exported_and_scored(news_job: NewsJob, tmp_path: Path) -> None:
    data, base, kernels = (
        f"--{name}={getattr(news_job, name)}" for name in ("data", "base", "kernels")
    )
    out = _succeed("evaluate", data, base, kernels, f"--output={tmp_path / 'evaluation'}")
    assert "ndcg@10" in out and "zero-shot" in out and "random" in out
    rows = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    lifts = {r["domain"] for r in rows if r["metric"] == "auc_lift" and r["topic"] == "section"}
    assert lifts == {r["domain"] for r in rows if r["topic"] == "section"}
    out = _succeed("export", data, base, kernels, f"--output={tmp_path / 'export'}")
    assert out.strip() == f"export: {tmp_path / 'export' / '1'}"
    scoring = ("score", f"--export={tmp_path / 'export' / '1'}", data, base)
    out = _succeed(*scoring, kernels)
    assert "impressions scored" in out and "largest difference to the model in memory" in out
    without = _run(*scoring)
    assert without.returncode == 1 and "more than --tolerance" in without.stderr

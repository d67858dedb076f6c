"""The binaries on news, run as a person runs them."""

import json
from pathlib import Path

import pytest

from tests.binaries import run_binary, succeed
from tests.news_jobs import NewsJob

pytestmark = pytest.mark.slow  # whole jobs, minutes


def test_news_are_evaluated_exported_and_scored(news_job: NewsJob, tmp_path: Path) -> None:
    data, base, kernels = (
        f"--{name}={getattr(news_job, name)}" for name in ("data", "base", "kernels")
    )
    out = succeed("evaluate", data, base, kernels, f"--output={tmp_path / 'evaluation'}")
    assert "ndcg@10" in out and "zero-shot" in out and "random" in out
    rows = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    lifts = {r["domain"] for r in rows if r["metric"] == "auc_lift" and r["topic"] == "section"}
    assert lifts == {r["domain"] for r in rows if r["topic"] == "section"}
    out = succeed("export", data, base, kernels, f"--output={tmp_path / 'export'}")
    assert out.strip() == f"export: {tmp_path / 'export' / '1'}"
    scoring = ("score", f"--export={tmp_path / 'export' / '1'}", data, base)
    out = succeed(*scoring, kernels)
    assert "impressions scored" in out and "largest difference to the model in memory" in out
    without = run_binary(*scoring)
    assert without.returncode == 1 and "more than --tolerance" in without.stderr

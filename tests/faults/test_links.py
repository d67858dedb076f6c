"""Outputs that are links: to a folder they work, to nothing they are refused before any work."""

from collections.abc import Callable
from pathlib import Path

import pytest

import tfrec_mt as mt
from tests.binaries import SMALL_MODEL, run_binary, succeed
from tests.faults.watched import refused
from tests.jobs import Job
from tests.shop import TINY, shop_rows, shop_schema
from tfrec_mt.configs import ScoreConfig
from tfrec_mt.jobs.score import run_score
from tfrec_mt.serving.versions import roll_back, verified_manifest
from tfrec_mt.training.run_folder import RunFolderError

SAID = r"is a link to nowhere, which does not exist; remove the link or choose another output"


@pytest.mark.fault_case("D")
def test_a_link_to_a_folder_is_that_folder(tmp_path: Path) -> None:
    links = {}
    for name in ("runs", "base", "export"):
        (tmp_path / "disk" / name).mkdir(parents=True)
        links[name] = tmp_path / name
        links[name].symlink_to(tmp_path / "disk" / name)
    rows = shop_rows(600)
    log = mt.prepare(rows, shop_schema(rows), links["runs"] / "data")
    base = mt.pretrain(log, links["base"], batch_size=256, **TINY)
    versions = [mt.export(base, links["export"]), roll_back(links["export"], to=1)]
    assert [path.resolve() for path in versions] == [
        tmp_path / "disk" / "export" / number for number in ("1", "2")
    ]
    for path in versions:
        verified_manifest(path)
    assert (tmp_path / "disk" / "runs" / "data" / "manifest.json").is_file()
    assert (tmp_path / "disk" / "base" / "model").is_dir()
    assert all(link.is_symlink() for link in links.values())
    with refused(tmp_path, FileExistsError, "runs exists; choose another folder"):
        mt.prepare(rows, shop_schema(rows), links["runs"])


@pytest.mark.fault_case("D")
@pytest.mark.parametrize("below", ["", "deep/out"])
def test_a_link_to_nothing_is_refused_at_once(below: str, tmp_path: Path) -> None:
    link, rows = tmp_path / "link", shop_rows(600)
    link.symlink_to("nowhere")
    output = link / below
    log = mt.prepare(rows, shop_schema(rows), tmp_path / "data")
    calls: dict[type[Exception], tuple[Callable[[], object], ...]] = {
        FileNotFoundError: (
            lambda: mt.prepare(rows, shop_schema(rows), output),
            lambda: mt.evaluate(tmp_path / "no run", output=output),
            lambda: run_score(ScoreConfig(export=tmp_path / "no export", output=output)),
            lambda: mt.export(mt.models.MMoE(log.schema, **TINY), output, log),
        ),
        RunFolderError: (lambda: mt.pretrain(log, output, batch_size=256, **TINY),),
    }
    for error, refusals in calls.items():
        for call in refusals:
            with refused(tmp_path, error, SAID):
                call()
    assert link.is_symlink() and not link.exists()


@pytest.mark.slow
@pytest.mark.fault_case("D")
def test_every_binary_refuses_a_link_to_nothing_in_one_sentence(job: Job, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    data, base = f"--data={job.data}", f"--base={job.base}"
    models = (data, base, f"--kernels={job.kernels}")
    succeed("export", *models, f"--output={tmp_path / 'export'}")
    for name, flags in {
        "prepare_data": ("--rows=3000",),
        "pretrain": (data, *SMALL_MODEL),
        "fine_tune": (data, base),
        "evaluate": models,
        "export": models,
        "score": (data, f"--export={tmp_path / 'export' / '1'}"),
    }.items():
        done = run_binary(name, *flags, f"--output={link}")
        assert done.returncode == 1 and "Traceback" not in done.stderr, name
        (said,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert f"{link} is a link to nowhere, which does not exist" in said, name
        assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "link"], name
    assert link.is_symlink() and not link.exists()

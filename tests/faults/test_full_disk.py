"""A full disk is one sentence with a path, and nothing partial is left."""

import errno
import shutil
from pathlib import Path

import pytest

import tfrec_mt as mt
from tests.binaries import run_binary, started, wait_for
from tests.fault_cases import Record
from tests.faults.watched import tree
from tests.jobs import Job
from tests.shop import TINY, shop_rows, shop_schema
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.serving import versions
from tfrec_mt.serving.versions import verified_manifest
from tfrec_mt.storage import disk_space
from tfrec_mt.storage.disk_space import DiskFullError, is_disk_full
from tfrec_mt.storage.folders import published_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.fault_case("26")
@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (RuntimeError("No space left on device (os error 28)"), True),
        (OSError("2048 requested and 960 written"), True),
        (OSError(errno.ENOENT, "No such file"), False),
        (ValueError("no space"), False),
    ],
)
def test_a_full_disk_is_known_whoever_says_so(error: Exception, full: bool) -> None:
    assert is_disk_full(error) == full
    try:
        try:
            raise error
        except Exception as cause:
            raise RuntimeError("could not be written") from cause
    except RuntimeError as outer:
        assert is_disk_full(outer) == full


@pytest.mark.fault_case("26")
@pytest.mark.parametrize("kind", ["takeout", "logs", "evaluation"])
def test_a_full_disk_is_a_sentence_with_its_path(kind: str, small_disk: Path) -> None:
    rows = shop_rows(60_000)

    def write() -> None:
        if kind == "takeout":
            prepare(TakeoutSource(TakeoutConfig(rows=40_000)), small_disk / "out")
        elif kind == "logs":
            mt.prepare(rows, shop_schema(rows), small_disk / "out")
        else:
            with published_file(small_disk / "out") as path:
                rows.write_parquet(path, compression="uncompressed")

    with pytest.raises(DiskFullError) as caught:
        write()
    assert str(small_disk / "out") in str(caught.value) and "\n" not in str(caught.value)
    assert names(small_disk) == []


@pytest.mark.fault_case("26")
def test_encoded_rows_that_cannot_fit_are_foreseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=3_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    rows = shop_rows(120_000)
    with pytest.raises(
        DiskFullError, match=r"data: 120,000 encoded rows need .* MB, the disk has 3\.0 MB"
    ):
        mt.prepare(rows, shop_schema(rows), tmp_path / "data")
    assert names(tmp_path) == []


@pytest.mark.slow
@pytest.mark.fault_case("26")
@pytest.mark.fault_case("B")
def test_an_export_that_cannot_fit_is_refused_by_the_binary(job: Job, small_disk: Path) -> None:
    places = (f"--data={job.data}", f"--base={job.base}", f"--output={small_disk / 'export'}")
    done = run_binary("export", *places)
    assert done.returncode == 1
    assert f"error: {small_disk / 'export'}: the variables of the export need" in done.stderr
    assert "Traceback" not in done.stderr
    assert names(small_disk) == []


def fill(disk: Path, free: int) -> None:
    """Leaves so many bytes of a disk free, as another process may."""
    with (disk / "filler").open("ab", buffering=0) as file:
        while (more := shutil.disk_usage(disk).free - free) > 0:
            file.write(bytes(min(more, 1 << 20)))


@pytest.mark.slow
@pytest.mark.fault_case("B")
@pytest.mark.parametrize("small_disk", [16], indirect=True)
def test_a_disk_that_fills_while_an_export_is_published(
    small_disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Record,
) -> None:
    rows = shop_rows(600)
    log = mt.prepare(rows, shop_schema(rows), tmp_path / "data")
    base = mt.models.MMoE(log.schema, **TINY)
    output = small_disk / "export"
    first = mt.export(base, output, log)
    whole = sum(path.stat().st_size for path in first.rglob("*") if path.is_file())
    before = tree(output)
    room_was_there = disk_space.check_free_space
    shares = (0.01, 0.5, 0.95)
    for share in shares:

        def taken_by_another(*checked: object, share: float = share) -> None:
            room_was_there(*checked)  # type: ignore[arg-type]
            fill(small_disk, int(share * whole))

        with monkeypatch.context() as patched:
            patched.setattr(versions, "check_free_space", taken_by_another)
            with pytest.raises(DiskFullError) as caught:
                mt.export(base, output, log)
        said = f"{output / '2'} could not be written: No space left on device after"
        assert str(caught.value).startswith(said) and "\n" not in str(caught.value)
        assert tree(output) == before
        (small_disk / "filler").unlink()
    assert mt.export(base, output, log) == output / "2"
    verified_manifest(first)
    verified_manifest(output / "2")
    record_property("came", f"{len(shares)} of {len(shares)} full disks left version 1 as it was")


@pytest.mark.slow
@pytest.mark.fault_case("B")
@pytest.mark.parametrize("small_disk", [32], indirect=True)
def test_a_disk_that_fills_under_the_binary_is_a_sentence(job: Job, small_disk: Path) -> None:
    output = small_disk / "export"
    places = (f"--data={job.data}", f"--base={job.base}", f"--output={output}")
    assert started("export", *places).wait() == 0
    before = {**tree(output), ".lock": ""}  # which names the process that held it last
    process = started("export", *places)
    wait_for(process, lambda: [*output.glob(".tmp-2-*")])
    fill(small_disk, 0)
    _, told = process.communicate()
    assert process.returncode == 1 and "Traceback" not in told
    assert f"error: {output / '2'} could not be written: No space left on device" in told
    assert {**tree(output), ".lock": ""} == before
    (small_disk / "filler").unlink()
    assert started("export", *places).wait() == 0
    verified_manifest(output / "2")

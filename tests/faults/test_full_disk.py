"""A full disk is one sentence with a path, and nothing partial is left."""

import errno
import shutil
from pathlib import Path

import pytest

import tfrec_mt as mt
from tests.binaries import run_binary
from tests.jobs import Job
from tests.shop import shop_rows, shop_schema
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
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

"""Data, bases and kernels that nobody may write to are all that reading needs."""

from pathlib import Path

import pytest

from tests.binaries import run_binary, succeed
from tests.fault_cases import Record
from tests.faults.watched import tree
from tests.jobs import Job
from tests.mounts import read_only


@pytest.mark.slow
@pytest.mark.fault_case("F")
def test_what_is_read_may_be_read_only(job: Job, tmp_path: Path, record_property: Record) -> None:
    folder = job.data.parent
    before = tree(folder)
    data, base = f"--data={job.data}", f"--base={job.base}"
    models = (data, base, f"--kernels={job.kernels}")
    binaries = {
        "pretrain": (data, f"--init_from={job.base}", "--parts=fresh"),
        "fine_tune": (data, base, "--certainty=0"),
        "evaluate": models,
        "export": models,
        "score": (*models, f"--export={tmp_path / 'export' / '1'}"),
    }
    with read_only(folder):
        with pytest.raises(OSError, match="Read-only file system"):
            (job.data / "new").touch()
        for name, flags in binaries.items():
            succeed(name, *flags, f"--output={tmp_path / name}")
        inside = run_binary("evaluate", *models, f"--output={folder / 'evaluation'}")
    assert inside.returncode == 1 and "Traceback" not in inside.stderr
    assert "Read-only file system" in inside.stderr and str(folder) in inside.stderr
    assert tree(folder) == before
    record_property("came", f"{', '.join(binaries)} work")

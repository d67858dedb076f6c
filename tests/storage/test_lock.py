import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfrec_mt.storage.lock import LockedError, locked_folder

HOLD = """
import sys
from pathlib import Path
from tfrec_mt.storage.lock import locked_folder
with locked_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that holds `tmp_path / "run"` until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_and_the_first_named(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    with (
        pytest.raises(LockedError, match=rf"run is in use by process {holder.pid}$"),
        locked_folder(tmp_path / "run"),
    ):
        pytest.fail("entered a folder that another process holds")
    holder.communicate("")
    with locked_folder(tmp_path / "run"):
        pass


def test_a_killed_process_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.communicate()
    with locked_folder(tmp_path / "run"):
        assert (tmp_path / "run" / ".lock").read_text() == str(os.getpid())


def test_one_process_cannot_hold_a_folder_twice(tmp_path: Path) -> None:
    with locked_folder(tmp_path):
        with pytest.raises(LockedError, match=str(os.getpid())), locked_folder(tmp_path):
            pytest.fail("entered twice")
        with locked_folder(tmp_path / "other"):
            pass


def test_an_error_in_the_block_frees_the_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stop"), locked_folder(tmp_path):
        raise RuntimeError("stop")
    with locked_folder(tmp_path):
        pass

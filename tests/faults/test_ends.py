"""However work ends, by a signal, a full disk or a second process, nothing half done is left."""

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import tfrec_mt as mt
from tests.binaries import started, wait_for
from tests.jobs import Job
from tests.shop import shop_rows, shop_schema
from tests.training.small_runs import make_loop
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.serving.versions import EXTRA, FORMAT_VERSION, MANIFEST_FILE, roll_back
from tfrec_mt.storage.description import write_description
from tfrec_mt.storage.disk_space import DiskFullError
from tfrec_mt.storage.folders import published_file, published_folder
from tfrec_mt.storage.hashes import hash_files
from tfrec_mt.storage.lock import LockedError
from tfrec_mt.training.checkpoints import CheckpointError

ROOT = Path(__file__).parents[2]
STOPPED = 75
HOLD = """
import sys
from pathlib import Path
from tfrec_mt.storage.folders import published_folder
with published_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("...")
    print("held", flush=True)
    sys.stdin.read()
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> mt.PreparedDataset:
    folder = Path(tmp_path_factory.mktemp("takeout")) / "data"
    split = SplitSpec.parse("train:6,test:2", "days")
    return prepare(TakeoutSource(TakeoutConfig(rows=1_800)), folder, split)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is writing `tmp_path / "data"`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "data")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.fault_case("A")
def test_what_a_killed_process_left_goes_with_the_next_run(
    tmp_path: Path, writer: subprocess.Popen[str]
) -> None:
    writer.kill()
    writer.communicate()
    assert names(tmp_path) == [f".tmp-data-{writer.pid}"]
    (tmp_path / f"data.tmp-{writer.pid}").mkdir()  # as releases before called it
    (tmp_path / f".tmp-schema.json-{writer.pid}").write_text("{")
    (tmp_path / f".tmp-data2-{writer.pid}").mkdir()
    (tmp_path / "data.tmp-mine").mkdir()
    with published_folder(tmp_path / "data"):
        pass
    with published_file(tmp_path / "schema.json") as path:
        path.write_text("{}")
    left = [f".tmp-data2-{writer.pid}", "data", "data.tmp-mine", "schema.json"]
    assert names(tmp_path) == left


@pytest.mark.fault_case("C")
def test_a_second_preparation_is_refused_at_its_start(
    tmp_path: Path, writer: subprocess.Popen[str]
) -> None:
    rows = shop_rows(300)
    with pytest.raises(LockedError, match=rf"data is in use by process {writer.pid}$"):
        mt.prepare(rows, shop_schema(rows), tmp_path / "data")
    assert names(tmp_path) == [f".tmp-data-{writer.pid}"]
    writer.communicate("")
    assert writer.returncode == 0
    assert names(tmp_path / "data") == ["half"]


@pytest.mark.fault_case("L")
def test_a_killed_worker_is_a_sentence() -> None:
    chunks = TakeoutSource(TakeoutConfig(rows=600_000, processes=2)).chunks()
    next(chunks)
    for worker in multiprocessing.active_children():
        worker.kill()
    with pytest.raises(mt.DataError, match=r"one of processes=2 was killed, .* fewer processes"):
        list(chunks)


@pytest.mark.fault_case("34")
@pytest.mark.parametrize("gone", ["checkpoints", "checkpoints/*"])
def test_lost_checkpoints_are_no_fresh_start(
    gone: str, dataset: mt.PreparedDataset, tmp_path: Path
) -> None:
    make_loop(dataset, tmp_path, "toy", epochs=1, checkpoint_every=4).run()
    log = (tmp_path / "log.jsonl").read_bytes()
    for path in tmp_path.glob(gone):
        shutil.rmtree(path)
    with pytest.raises(CheckpointError) as caught:
        make_loop(dataset, tmp_path, "toy", epochs=2, checkpoint_every=4).run()
    assert f"{tmp_path / 'checkpoints'} holds no checkpoint, but " in str(caught.value)
    assert "training does not start over by itself: restore the folder" in str(caught.value)
    assert (tmp_path / "log.jsonl").read_bytes() == log


@pytest.mark.fault_case("34")
def test_a_run_that_was_killed_before_its_first_checkpoint_starts_over(
    dataset: mt.PreparedDataset, tmp_path: Path
) -> None:
    loop = make_loop(dataset, tmp_path, "toy", epochs=1, checkpoint_every=100)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    loop.checkpoints.save = killed  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    assert loop.log.last_step() == loop.reader.steps_per_epoch
    (tmp_path / "log.jsonl").open("a").write('{"step": 1')  # a line cut by the kill
    assert loop.log.last_step() == loop.reader.steps_per_epoch
    make_loop(dataset, tmp_path, "toy", epochs=1, checkpoint_every=100).run()


def version(output: Path, number: int) -> Path:
    """A folder like an exported version."""
    folder = output / str(number)
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "data").write_bytes(bytes([number]) * 1_000)
    (folder / EXTRA).mkdir()
    manifest = {"name": "m", "kind": "ranking", "signatures": {}, "kernels": {}}
    manifest |= {"format_version": FORMAT_VERSION, "files": hash_files(folder)}  # type: ignore[dict-item]
    write_description(folder / EXTRA / MANIFEST_FILE, manifest)
    return folder


@pytest.mark.fault_case("O")
def test_versions_share_no_file(tmp_path: Path) -> None:
    old, _ = version(tmp_path, 1), version(tmp_path, 2)
    new = roll_back(tmp_path)
    with (old / "variables" / "data").open("r+b") as file:
        file.write(b"damage")
    assert (new / "variables" / "data").read_bytes() == b"\1" * 1_000


@pytest.mark.fault_case("O")
def test_a_disk_without_room_for_a_copy_still_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = version(tmp_path, 1), version(tmp_path, 2)

    def full(*_: object) -> None:
        raise DiskFullError("full")

    monkeypatch.setattr("tfrec_mt.serving.versions.check_free_space", full)
    assert (roll_back(tmp_path) / "variables" / "data").samefile(old / "variables" / "data")


def stopped(process: subprocess.Popen[str]) -> str:
    """What a binary says to SIGTERM."""
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=120)
    assert process.returncode == STOPPED, told[-1_000:]
    assert "Traceback" not in told
    return told


@pytest.mark.fault_case("24")
@pytest.mark.fault_case("M")
def test_a_preparation_that_gets_sigterm_ends_with_75_and_leaves_nothing(tmp_path: Path) -> None:
    output = tmp_path / "data"
    process = started("prepare_data", f"--output={output}", "--rows=5000000")
    wait_for(process, lambda: [*tmp_path.glob(".tmp-data-*/spool/*.arrow")])
    assert "interrupted: nothing half done is left" in stopped(process)
    assert names(tmp_path) == []


_DESTRUCTOR = """
import os, signal, time
from tfrec_mt.pipelines.run_binary import console_command

class Fragile:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)  # is interrupted by what the signal raises

def main(told):
    Fragile()
    time.sleep(60)

console_command(lambda told: None, main)()
"""


@pytest.mark.fault_case("24")
def test_sigterm_inside_a_destructor_is_not_lost() -> None:
    """Python only prints what is raised there."""
    ended = subprocess.run(
        [sys.executable, "-c", _DESTRUCTOR], capture_output=True, text=True, timeout=50
    )
    assert ended.returncode == STOPPED, ended.stderr[-1_000:]
    assert ended.stderr.splitlines()[-1].startswith("interrupted: nothing half done is left")


_LIBRARY = """
import os, signal
from tfrec_mt.pipelines.run_binary import console_command

def main(told):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except BaseException as error:
        raise RuntimeError("replaced") from error

console_command(lambda told: None, main)()
"""


@pytest.mark.fault_case("24")
def test_sigterm_of_which_a_library_makes_an_error_is_none() -> None:
    """As TensorFlow's bindings do while a model is loaded."""
    ended = subprocess.run(
        [sys.executable, "-c", _LIBRARY], capture_output=True, text=True, timeout=50
    )
    assert ended.returncode == STOPPED, ended.stderr[-1_000:]
    assert ended.stderr.splitlines()[-1].startswith("interrupted: nothing half done is left")


@pytest.mark.slow
@pytest.mark.fault_case("24")
@pytest.mark.fault_case("M")
@pytest.mark.parametrize("name", ["pretrain", "fine_tune", "evaluate", "export", "score"])
def test_sigterm_at_any_time_ends_with_75_and_leaves_nothing(
    name: str, job: Job, exported: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    places = {
        "pretrain": (f"--data={job.data}",),
        "fine_tune": (f"--data={job.data}", f"--base={job.base}", "--epochs=2"),
        "evaluate": (f"--data={job.data}", f"--base={job.base}", f"--kernels={job.kernels}"),
        "export": (f"--data={job.data}", f"--base={job.base}", f"--kernels={job.kernels}"),
        "score": (f"--export={exported}", f"--data={job.data}"),
    }[name]
    seed = int.from_bytes(os.urandom(4))
    print("seed", seed)
    moments = random.Random(seed)
    began = time.monotonic()
    process = started(name, *places, f"--output={output}")
    assert process.wait() == 0
    whole = time.monotonic() - began
    results = names(tmp_path)
    shutil.rmtree(output) if output.is_dir() else output.unlink()
    for _ in range(4):
        process = started(name, *places, f"--output={output}")
        time.sleep(moments.uniform(0.3, whole))
        process.send_signal(signal.SIGTERM)  # of one that has ended, nothing happens
        _, told = process.communicate(timeout=120)
        assert process.returncode in (0, STOPPED), told[-1_000:]
        assert "Traceback" not in told
        if process.returncode == STOPPED and name not in ("pretrain", "fine_tune"):
            left = {path.name for path in tmp_path.rglob("*")}
            assert not left - {"out", ".lock"}
        if process.returncode == 0:
            shutil.rmtree(output) if output.is_dir() else output.unlink()
    process = started(name, *places, f"--output={output}")
    assert process.wait() == 0
    assert names(tmp_path) == results

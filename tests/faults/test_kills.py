"""Killed with signal 9 at any moment: nothing partial has a name, and the same command goes on."""

import json
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import polars as pl
import pytest

import tfrec_mt as mt
from tests.adapters.kernel_files import stored_weights
from tests.binaries import SMALL_MODEL, started, wait_for
from tests.fault_cases import Record
from tests.faults.watched import tree
from tests.jobs import Job
from tests.training.small_runs import assert_same_weights
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.serving.versions import verified_manifest

pytestmark = pytest.mark.slow

KILLS = 3  # at any moment, and as many while the result is written
KILLED = -9


def drawn() -> random.Random:
    """Moments to kill at; the seed stands in the output of a test that fails."""
    seed = int.from_bytes(os.urandom(4))
    print("seed", seed)
    return random.Random(seed)


def results(name: str, output: Path) -> list[Path]:
    """What a binary has left under names that a reader would open."""
    if name == "export":
        return [path for path in output.glob("*") if path.name.isdigit()]
    return [output] if output.exists() else []


def unfinished(output: Path) -> list[Path]:
    return [*output.parent.glob(".tmp-*"), *output.glob(".tmp-*")]


def scores(version: Path, rows: pl.DataFrame) -> pl.DataFrame:
    verified_manifest(version)
    return mt.load_export(version).score(rows)


@pytest.mark.fault_case("25")
@pytest.mark.fault_case("A")
@pytest.mark.parametrize("name", ["evaluate", "export", "prepare_data"])
def test_a_killed_binary_leaves_nothing_partial_and_runs_again(
    name: str, job: Job, tmp_path: Path, record_property: Record
) -> None:
    output = tmp_path / "result"
    of_job = (f"--data={job.data}", f"--base={job.base}", f"--kernels={job.kernels}")
    flags = ("--rows=300000",) if name == "prepare_data" else of_job
    rows = mt.PreparedDataset(job.data).requests().head(200)

    def content(result: Path) -> object:
        # variables of an export are numbered anew in each process, so its scores are compared
        return scores(result, rows).to_dicts() if name == "export" else tree(result)

    def start() -> subprocess.Popen[str]:
        return started(name, *flags, f"--output={output}")

    began, process = time.monotonic(), start()
    wait_for(process, lambda: unfinished(output))
    writing = time.monotonic()
    wait_for(process, lambda: results(name, output))
    write = time.monotonic() - writing
    assert process.wait() == 0
    whole = time.monotonic() - began
    print(f"ran {whole:.2f} s, wrote {write:.4f} s")
    (first,) = results(name, output)
    expected = content(first)
    if name != "export":
        first = first.rename(tmp_path / "earlier")
    before = tree(first)

    def new() -> list[Path]:
        return [path for path in results(name, output) if path != first]

    moments, kills, left = drawn(), 0, 0
    for turn in range(2 * KILLS):
        process = start()
        if turn % 2:
            wait_for(process, lambda: unfinished(output))
        moment = moments.uniform(0, write if turn % 2 else whole)
        print("while it writes" if turn % 2 else "at any moment", f"after {moment:.4f} s")
        time.sleep(moment)
        process.kill()
        process.communicate()
        kills += process.returncode == KILLED
        left += bool(unfinished(output))
        for result in new():  # it was done before it was killed
            assert content(result) == expected
            shutil.rmtree(result)
        assert tree(first) == before
    assert kills >= KILLS and left > 0
    assert start().wait() == 0
    (again,) = new()
    assert content(again) == expected
    assert again.name == ("2" if name == "export" else "result")
    assert tree(first) == before
    assert not unfinished(output)
    record_property("came", f"{kills} of {kills} kills of {name} left nothing partial")


def fingerprint_of(run: Path) -> str:
    return fingerprint(load_model(run / "model"))


def kill_after(process: subprocess.Popen[str], log: Path, lines: int) -> None:
    """Kills a run as soon as its log has so many lines."""
    wait_for(process, lambda: log.is_file() and log.read_bytes().count(b"\n") >= lines)
    process.kill()
    process.communicate()
    assert process.returncode == KILLED


@pytest.mark.fault_case("28")
@pytest.mark.parametrize("name", ["pretrain", "fine_tune"])
def test_a_killed_run_resumes_with_other_threads(
    name: str, job: Job, tmp_path: Path, record_property: Record
) -> None:
    flags: tuple[str, ...] = (f"--data={job.data}", "--steps_per_call=2", "--checkpoint_every=4")
    if name == "pretrain":
        flags += (*SMALL_MODEL, "--batch_size=1024", "--epochs=3")
    else:
        flags += (f"--base={job.base}", "--certainty=0", "--batch_size=128", "--epochs=3")

    def start(output: str, threads: int) -> subprocess.Popen[str]:
        place = f"--output={tmp_path / output}"
        return started(name, *flags, place, TF_NUM_INTRAOP_THREADS=str(threads))

    def steps(output: str) -> list[int]:
        log = tmp_path / output / "log.jsonl"
        lines = log.read_text().splitlines() if log.is_file() else []
        return [json.loads(line)["step"] for line in lines]

    assert start("straight", 1).wait() == 0
    moments, log = drawn(), tmp_path / "killed" / "log.jsonl"
    for threads in (1, 2, 4):
        lines = len(steps("killed")) + moments.randrange(4, 10)
        kill_after(start("killed", threads), log, lines)
        print(f"{threads} threads: killed at step {steps('killed')[-1]}")
    assert not (tmp_path / "killed" / "model").exists()
    assert start("killed", 3).wait() == 0
    assert steps("killed") == steps("straight")
    if name == "pretrain":
        assert fingerprint_of(tmp_path / "killed") == fingerprint_of(tmp_path / "straight")
    else:
        found, expected = (stored_weights(tmp_path / run) for run in ("killed", "straight"))
        assert_same_weights(found, expected)
    record_property("came", f"{name} of 1, 2, 4 and 3 threads in turn: the bits of 1 thread")

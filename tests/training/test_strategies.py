"""One run on several replicas or workers is the run of one process."""

import contextlib
import dataclasses
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.distributed_runs import EXIT_INTERRUPTED, train
from tests.training.small_runs import fresh_processes
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import Schema

ROOT = Path(__file__).parents[2]
# Replicas add up halves of a batch, one process adds up the whole: another order of float32 sums.
# Adagrad, unlike Adam, would also show gradients that are too large by a factor.
TOLERANCE = 1e-6

Weights = dict[str, np.ndarray[Any, Any]]
Start = Callable[..., subprocess.Popen[bytes]]


class Unexposed(TakeoutSource):
    @property
    def schema(self) -> Schema:
        schema = super().schema
        features = tuple(f for f in schema.features if f.side != "exposure")
        vocabularies = tuple(v for v in schema.vocabularies if v.name != "position")
        return dataclasses.replace(schema, features=features, vocabularies=vocabularies)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    folder = Path(tmp_path_factory.mktemp("unexposed")) / "data"
    source = Unexposed(TakeoutConfig(rows=1800))
    return prepare(source, folder, SplitSpec.parse("train:6,test:2", "days"))


@pytest.fixture
def start(data: PreparedDataset) -> Iterator[Start]:
    """Starts a training process: `start(folder, worker, workers, replicas, prefix=())`."""
    started = []

    def run(folder: Path, *place: int, prefix: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        module = [sys.executable, "-m", "tests.training.distributed_runs"]
        arguments = [str(data.path), str(folder), *map(str, place)]
        started.append(subprocess.Popen([*prefix, *module, *arguments], cwd=ROOT))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def private_network() -> Iterator[tuple[str, ...]]:
    """Command prefix of a network with nothing but a loopback device.

    TensorFlow's cluster server listens on every address of the machine, so it gets one of its own.
    """
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert holder.stdout is not None
    ready = holder.stdout.readline()
    if ready != b"up\n":
        holder.wait()
        pytest.skip("needs the right to make a network namespace")
    yield ("nsenter", "--target", str(holder.pid), "--net")
    holder.kill()
    holder.wait()


def weights(folder: Path, worker: int = 0) -> Weights:
    with np.load(folder / f"weights-{worker}.npz") as stored:
        return dict(stored)


def assert_close(a: Weights, b: Weights) -> None:
    assert set(a) == set(b)
    for name, value in a.items():
        np.testing.assert_allclose(value, b[name], atol=TOLERANCE, rtol=0, err_msg=name)


def assert_same(a: Weights, b: Weights) -> None:
    assert set(a) == set(b)
    for name, value in a.items():
        np.testing.assert_array_equal(value, b[name], err_msg=name)


@pytest.mark.slow
def test_two_devices_are_one(data: PreparedDataset, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    # The number of devices is settled when TensorFlow is first used.
    process = fresh_processes().Process(target=train, args=(data.path, two, 0, 1, 2))
    process.start()
    train(data.path, one, 0, 1, 1)
    process.join()
    assert process.exitcode == 0
    assert_close(weights(one), weights(two))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nsenter"), reason="needs nsenter")
def test_two_workers_are_one(
    start: Start, private_network: tuple[str, ...], tmp_path: Path
) -> None:
    def both(folder: Path) -> list[subprocess.Popen[bytes]]:
        return [start(folder, worker, 2, 1, prefix=private_network) for worker in (0, 1)]

    def lines(folder: Path) -> int:
        with contextlib.suppress(FileNotFoundError):
            return (folder / "log.jsonl").read_bytes().count(b"\n")
        return 0

    def wait_for_lines(folder: Path, count: int) -> None:
        deadline = time.monotonic() + 120
        while lines(folder) < count:
            assert time.monotonic() < deadline, f"{folder} has {lines(folder)} lines"
            time.sleep(0.005)

    one, two = tmp_path / "one", tmp_path / "two"
    assert start(one, 0, 1, 1).wait() == 0
    assert [process.wait() for process in both(two)] == [0, 0]
    assert_close(weights(one), weights(two))
    assert_same(weights(two, 0), weights(two, 1))
    assert lines(two) == lines(one)

    # One is killed: the other ends too, and both go on from the chief's checkpoint.
    killed = tmp_path / "killed"
    chief, other = both(killed)
    wait_for_lines(killed, 5)
    other.kill()
    assert chief.wait(timeout=120) != 0
    assert [process.wait() for process in both(killed)] == [0, 0]
    assert_same(weights(killed), weights(two))
    assert (killed / "log.jsonl").read_bytes() == (two / "log.jsonl").read_bytes()

    # One is asked to stop: both do, after the same step, and lose none.
    stopped = tmp_path / "stopped"
    chief, other = both(stopped)
    wait_for_lines(stopped, 5)
    other.send_signal(signal.SIGTERM)
    assert [chief.wait(), other.wait()] == [EXIT_INTERRUPTED] * 2
    assert [process.wait() for process in both(stopped)] == [0, 0]
    assert_same(weights(stopped), weights(two))
    assert (stopped / "log.jsonl").read_bytes() == (two / "log.jsonl").read_bytes()

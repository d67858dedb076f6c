"""Two workers train as one process does, and end and resume together."""

import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cluster.cluster_runs import (
    PRETRAIN,
    Cluster,
    Weights,
    ends,
    last_step,
    lines,
    wait_until,
    weights,
)
from tests.news_jobs import make_news_job
from tests.training.small_runs import assert_same_weights
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.pipelines.run_binary import EXIT_ERROR, EXIT_INTERRUPTED

pytestmark = pytest.mark.cluster

KILLS = 10
# Replicas add up halves of a batch, one process adds up the whole: another order of float32 sums.
# Adagrad, unlike Adam, would also show gradients that are too large by a factor.
TOLERANCE = 1e-6
PLAIN = ("--optimizer=adagrad_decay", "--dropout=0")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log") / "data"
    source = TakeoutSource(TakeoutConfig(rows=4000))
    return prepare(source, folder, SplitSpec.parse("train:6,fresh:1,test:1", "days")).path


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("news")
    make_news_job(folder)
    return folder / "data"


def command(data: Path, run: Path, *flags: str) -> tuple[str, ...]:
    return (*PRETRAIN, f"--data={data}", f"--output={run}", "--parts=train", *flags)


def assert_close(a: Weights, b: Weights) -> None:
    assert set(a) == set(b) and len(a) > 10
    for name, value in a.items():
        np.testing.assert_allclose(value, b[name], atol=TOLERANCE, rtol=TOLERANCE, err_msg=name)


@pytest.mark.parametrize(
    "flags",
    [
        ("--model=olr", "--batch_size=28", "--epochs=2"),
        ("--model=mmoe", "--batch_size=28", "--epochs=2"),
        ("--model=olr", "--batch_size=28", "--epochs=2", "--ema_decay=0.9", "--validation=fresh"),
    ],
    ids=["olr", "mmoe", "early stopping"],
)
def test_two_workers_are_one(
    log: Path, cluster: Cluster, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    flags = (*PLAIN, "--rate_schedule=constant", *flags)
    assert ends([cluster.start(*command(log, one, *flags))]) == [0]
    assert ends(cluster.workers(2, *command(log, two, *flags))) == [0, 0]
    assert last_step(one) == last_step(two) >= 200
    assert_close(weights(one), weights(two))


@pytest.mark.parametrize("surgery", ["none", "mtrec"])
def test_two_workers_are_one_on_news(
    news: Path, cluster: Cluster, tmp_path: Path, surgery: str
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    flags = (
        *(*PLAIN, "--model=news", "--batch_size=8", "--epochs=4", "--title_encoder=bag"),
        *("--auxiliary=category", f"--surgery={surgery}"),
    )
    assert ends([cluster.start(*command(news, one, *flags))]) == [0]
    assert ends(cluster.workers(2, *command(news, two, *flags))) == [0, 0]
    assert last_step(one) == last_step(two) >= 200
    assert_close(weights(one), weights(two))


def test_two_devices_are_one(log: Path, cluster: Cluster, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    module = (sys.executable, "-m", "tests.cluster.some_devices")
    codes = [
        ends([cluster.start(*module, str(log), str(folder), devices)])
        for folder, devices in ((one, "1"), (two, "2"))
    ]
    assert codes == [[0], [0]]
    assert_close(weights(one), weights(two))


def test_workers_end_and_resume_together(log: Path, cluster: Cluster, tmp_path: Path) -> None:
    flags = (*PLAIN, "--batch_size=64", "--epochs=2", "--checkpoint_every=6", "--steps_per_call=2")
    whole = tmp_path / "whole"
    assert ends(cluster.workers(2, *command(log, whole, *flags))) == [0, 0]

    run = tmp_path / "killed"
    for kill in range(KILLS):
        workers = cluster.workers(2, *command(log, run, *flags))
        wait_until(lambda done=4 * kill + 3: lines(run) >= done)  # type: ignore[misc]
        workers[kill % 2].kill()
        assert ends([workers[1 - kill % 2]], timeout=60.0) == [EXIT_INTERRUPTED]
    assert ends(cluster.workers(2, *command(log, run, *flags))) == [0, 0]
    assert_same_weights(weights(run), weights(whole))
    assert (run / "log.jsonl").read_bytes() == (whole / "log.jsonl").read_bytes()

    stopped = tmp_path / "stopped"
    workers = cluster.workers(2, *command(log, stopped, *flags))
    wait_until(lambda: lines(stopped) >= 5)
    workers[1].send_signal(signal.SIGTERM)
    assert ends(workers) == [EXIT_INTERRUPTED] * 2
    # on other devices: one process goes on
    assert ends([cluster.start(*command(log, stopped, *flags))]) == [0]
    assert_close(weights(stopped), weights(whole))


def test_workers_with_other_settings_are_refused(
    log: Path, cluster: Cluster, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    workers = cluster.workers(2, *command(log, run, "--seed=1"), extra=("--seed=2",))
    said = [process.communicate(timeout=300)[1] for process in workers]
    assert [process.returncode for process in workers] == [EXIT_ERROR] * 2
    assert all("have different settings or data" in text for text in said)
    assert not run.exists()


def test_a_folder_that_the_chief_refuses_is_refused_by_all(
    log: Path, cluster: Cluster, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "notes.txt").write_text("mine")
    workers = cluster.workers(2, *command(log, run))
    said = [process.communicate(timeout=300)[1] for process in workers]
    assert [process.returncode for process in workers] == [EXIT_ERROR] * 2
    assert "is not empty and holds no run" in said[0]
    assert "was refused by worker 0" in said[1]
    assert (run / "notes.txt").read_text() == "mine"

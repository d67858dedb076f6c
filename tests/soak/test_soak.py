"""A server and a training that go on for half an hour hold no more at their end than at first."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs import Job
from tests.soak.clients import Clients
from tests.soak.watch import MINUTES, Change, watched
from tfrec_mt.configs import ExportConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.jobs.export import run_export
from tfrec_mt.serving.client import GrpcClient
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.requests import row_tensors
from tfrec_mt.serving.versions import read_manifest, roll_back, version_numbers

pytestmark = [pytest.mark.soak, pytest.mark.fault_case("61")]

ROOT = Path(__file__).parents[2]
SECONDS = 60 * MINUTES
SWAP_SECONDS, KEPT = 20.0, 4
ROWS = 32
Record = Callable[[str, object], None]


def test_a_server_holds_no_more_than_at_first(
    job: Job, tmp_path: Path, record_property: Record
) -> None:
    version = run_export(
        ExportConfig(base=job.base, kernels=job.kernels, data=job.data, output=tmp_path / "ranking")
    )
    gone = read_manifest(version)["kernels"]["region"][0]
    exchange_kernels(ExchangeConfig(output=version.parent, remove=[("region", gone)]))
    frame = PreparedDataset(job.data).requests().head(ROWS)
    with _started("-m", "tests.soak.server", str(version.parent), stdin=subprocess.PIPE) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        rows = row_tensors(frame, GrpcClient(address, "ranking").inputs())
        clients = Clients(address, rows)
        with contextlib.contextmanager(clients.run)(), _published(version.parent):
            change = watched(server, SECONDS)
    newest = version_numbers(version.parent)[-1]
    said = f"{sum(clients.asked.values()):,} requests in {MINUTES:g} minutes, {newest} versions"
    _judge(record_property, f"server, {said}", change)
    assert not clients.wrong, clients.wrong[:5]
    assert len(clients.asked) == 6 and min(clients.asked.values()) > 10
    assert newest > SECONDS / SWAP_SECONDS / 2


def test_training_holds_no_more_than_at_first(
    job: Job, tmp_path: Path, record_property: Record
) -> None:
    shared = (f"--data={job.data}", "--parts=train", "--epochs=1000000", "--checkpoint_every=100")
    base = ("--embedding_width=4", "--units=16,8", "--validation=fresh", "--patience=1000000")
    for binary, share, flags in (
        ("pretrain", 0.6, base),
        ("fine_tune", 0.4, (f"--base={job.base}", "--encoder_units=8")),
    ):
        run = tmp_path / binary
        module = f"tfrec_mt.pipelines.{binary}"
        settings = (f"--output={run}", "--rate_schedule=constant", "--learning_rate=0.0001")
        with _started("-m", module, *shared, *settings, *flags) as training:
            change = _trained(training, run / "log.jsonl", share * SECONDS)
            training.send_signal(signal.SIGTERM)
            assert training.wait(120) == 75
        steps = json.loads((run / "log.jsonl").read_text().splitlines()[-1])["step"]
        said = f"{binary}, {steps:,} steps in {share * MINUTES:g} minutes"
        _judge(record_property, said, change)
        assert steps > 100


def _trained(training: subprocess.Popen[str], log: Path, seconds: float) -> Change:
    """What changes in a training from its first step on."""
    stop = time.monotonic() + seconds
    while training.poll() is None and not (log.is_file() and log.stat().st_size):
        time.sleep(0.1)
    return watched(training, stop - time.monotonic())


@contextlib.contextmanager
def _started(*arguments: str, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    """Python in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def _published(output: Path) -> Iterator[None]:
    """Publishes the version before the newest again and again; only a few are kept."""
    done = threading.Event()

    def publish() -> None:
        while not done.wait(SWAP_SECONDS):
            roll_back(output)
            for number in version_numbers(output)[:-KEPT]:
                shutil.rmtree(output / str(number))

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _judge(record_property: Record, what: str, change: Change) -> None:
    came = f"{what}: {change}"
    print(came)
    record_property("came", came)
    change.check()

"""A server that answers for half an hour holds no more at its end than at first."""

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault_cases import Record
from tests.jobs import Job
from tests.soak.clients import Clients
from tests.soak.watch import MINUTES, SECONDS, judge, started, watched
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.serving.client import GrpcClient
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.requests import row_tensors
from tfrec_mt.serving.versions import read_manifest, roll_back, version_numbers

pytestmark = [pytest.mark.soak, pytest.mark.fault_case("61")]

SWAP_SECONDS, KEPT = 20.0, 4
SETTLING = 240.0  # seconds in which threads make what they keep: memory rises by half
ROWS = 32


def test_a_server_holds_no_more_than_at_first(
    job: Job, exported: Path, tmp_path: Path, record_property: Record
) -> None:
    versions = tmp_path / "ranking"
    shutil.copytree(exported.parent, versions)
    gone = read_manifest(exported)["kernels"]["region"][0]
    exchange_kernels(ExchangeConfig(output=versions, remove=[("region", gone)]))
    frame = PreparedDataset(job.data).requests().head(ROWS)
    with started("-m", "tests.soak.server", str(versions), stdin=subprocess.PIPE) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        rows = row_tensors(frame, GrpcClient(address, "ranking").inputs())
        clients = Clients(address, rows)
        with contextlib.contextmanager(clients.run)(), _published(versions):
            time.sleep(SETTLING)
            change = watched(server, SECONDS)
    newest = version_numbers(versions)[-1]
    said = f"{sum(clients.asked.values()):,} requests in {MINUTES:g} minutes, {newest} versions"
    judge(record_property, f"server, {said}", change)
    assert not clients.wrong, clients.wrong[:5]
    assert clients.busy < sum(clients.asked.values()) / 100
    assert len(clients.asked) == 6 and min(clients.asked.values()) > 10
    assert newest > SECONDS / SWAP_SECONDS / 2


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

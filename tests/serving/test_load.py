"""A server under load: eight clients, and a new version while they ask."""

import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.fault_cases import Record
from tests.jobs import Job
from tests.serving.loopback import loopback
from tfrec_mt.configs import ExportConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.jobs.export import run_export
from tfrec_mt.serving.client import GrpcClient
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.requests import row_tensors
from tfrec_mt.serving.versions import read_manifest

pytestmark = pytest.mark.serving

CLIENTS, SECONDS, ROWS = 8, 60.0, 50
PATIENCE = 60.0  # seconds; on a machine that does more than this, slow is no error


class Asked(NamedTuple):
    """When a request was sent and answered."""

    start: float
    end: float


def milliseconds(requests: list[Asked], percentile: int) -> str:
    """How long requests took, to 10 ms."""
    taken = np.percentile([request.end - request.start for request in requests], percentile)
    return f"{10 * round(taken * 100):,} ms"


def test_no_request_is_lost(job: Job, tmp_path: Path, record_property: Record) -> None:
    config = ExportConfig(
        base=job.base, kernels=job.kernels, data=job.data, output=tmp_path / "ranking"
    )
    version = run_export(config)
    gone = read_manifest(version)["kernels"]["region"][0]
    frame = PreparedDataset(job.data).requests().head(CLIENTS * ROWS)
    asked: list[Asked] = []
    errors: list[str] = []
    seen: list[set[bytes]] = [set() for _ in range(CLIENTS)]

    with loopback("ranking", tmp_path / "ranking") as address:
        first = GrpcClient(address, "ranking", deadline_seconds=PATIENCE)
        specs = first.inputs()
        first.predict(row_tensors(frame, specs))  # loads the version
        stop = threading.Event()

        def ask(number: int) -> None:
            client = GrpcClient(address, "ranking", deadline_seconds=PATIENCE)
            tensors = row_tensors(frame[number * ROWS : (number + 1) * ROWS], specs)
            while not stop.is_set():
                start = time.monotonic()
                try:
                    answer = client.predict(tensors)
                except Exception as error:  # whatever it is, it is a request that was lost
                    errors.append(str(error))
                    return
                asked.append(Asked(start, time.monotonic()))
                seen[number].add(answer["ctr"].tobytes())
            client.close()

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        time.sleep(SECONDS / 2)
        swap = time.monotonic()
        exchange_kernels(ExchangeConfig(output=version.parent, remove=[("region", gone)]))
        published = time.monotonic()
        time.sleep(SECONDS / 2)  # however long it took to publish
        stop.set()
        for thread in threads:
            thread.join()
    assert not errors
    # one answer of each version and no other; a client without that region sees no difference
    assert {len(answers) for answers in seen} <= {1, 2}
    assert any(len(answers) == 2 for answers in seen)

    swapped = min(request.end for request in asked if request.start > published)  # it is loaded
    before = [request for request in asked if request.end < swap]
    after = [request for request in asked if request.start > swapped]
    during = [r for r in asked if r.end >= swap and r.start <= swapped]
    assert len(before) + len(during) + len(after) == len(asked)
    p99 = ", ".join(
        f"{milliseconds(requests, 99)} {when}"
        for when, requests in (("before", before), ("during", during), ("after", after))
    )
    record_property(
        "came",
        f"no error of {CLIENTS} clients, {SECONDS / 2:.0f} s before and after a swap; "
        f"p50 {milliseconds(asked, 50)}, p99 {milliseconds(asked, 99)}; of the swap, p99 {p99}",
    )
    print(f"{len(asked):,} requests of {ROWS} rows, p50 {milliseconds(asked, 50)}, p99 {p99}")

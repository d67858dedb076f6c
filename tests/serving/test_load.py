"""A server under load: eight clients for a minute, and a new version in the middle."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

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


def test_no_request_is_lost(job: Job, tmp_path: Path) -> None:
    config = ExportConfig(
        base=job.base, kernels=job.kernels, data=job.data, output=tmp_path / "ranking"
    )
    version = run_export(config)
    gone = read_manifest(version)["kernels"]["region"][0]
    frame = PreparedDataset(job.data).requests().head(CLIENTS * ROWS)
    seconds: list[float] = []
    errors: list[str] = []
    seen: list[set[bytes]] = [set() for _ in range(CLIENTS)]

    with loopback("ranking", tmp_path / "ranking") as address:
        specs = GrpcClient(address, "ranking").inputs()
        stop = time.monotonic() + SECONDS

        def ask(number: int) -> None:
            client = GrpcClient(address, "ranking")
            tensors = row_tensors(frame[number * ROWS : (number + 1) * ROWS], specs)
            while time.monotonic() < stop:
                started = time.monotonic()
                try:
                    answer = client.predict(tensors)
                except Exception as error:  # whatever it is, it is a request that was lost
                    errors.append(str(error))
                    return
                seconds.append(time.monotonic() - started)
                seen[number].add(answer["ctr"].tobytes())
            client.close()

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        time.sleep(SECONDS / 2)
        exchange_kernels(ExchangeConfig(output=version.parent, remove=[("region", gone)]))
        for thread in threads:
            thread.join()
    assert not errors
    # one answer of each version and no other; a client without that region sees no difference
    assert {len(answers) for answers in seen} <= {1, 2}
    assert any(len(answers) == 2 for answers in seen)
    half, late = np.percentile(seconds, [50, 99]) * 1e3
    print(f"{len(seconds):,} requests of {ROWS} rows, p50 {half:.1f} ms, p99 {late:.1f} ms")

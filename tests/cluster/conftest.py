"""Clusters of processes on this machine, each in a network of its own."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.cluster.cluster_runs import Cluster


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Where processes of a test run; they are killed at its end."""
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 900"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert holder.stdout is not None
    if holder.stdout.readline() != b"up\n":
        holder.wait()
        pytest.skip("needs the right to make a network namespace")
    found = Cluster(("nsenter", "--target", str(holder.pid), "--net"))
    yield found
    for process in found.started:
        process.kill()
        process.wait()
    holder.kill()
    holder.wait()

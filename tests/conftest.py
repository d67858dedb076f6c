"""A small job, run once for all tests that need its folders."""

from pathlib import Path

import pytest

from tests.jobs import Job, run_job


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A prepared takeout world with a base, its control and kernels of every domain."""
    return run_job(Path(tmp_path_factory.mktemp("job")))

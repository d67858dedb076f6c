"""A small job of each kind, run once for all tests that need its folders, and a small disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault_cases import MARK, FaultReport, decided_by
from tests.jobs import Job, run_job
from tests.mounts import mounted
from tests.news_jobs import NewsJob, make_news_job


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", help="run the tests of the fault contract alone, write this page")


def pytest_configure(config: pytest.Config) -> None:
    page = config.getoption("--faults")
    if page and not hasattr(config, "workerinput"):  # workers of xdist report to this one
        config.pluginmanager.register(FaultReport(Path(page), config.option.markexpr))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("soak") is not None)  # others disturb it
    if config.getoption("--faults"):
        found = [(item, decided_by(item)) for item in items]
        for item, names in found:
            item.user_properties += [(MARK, name) for name in sorted(names)]
        items[:] = [item for item, names in found if names]


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A prepared takeout world with a base, its control and kernels of every domain."""
    return run_job(Path(tmp_path_factory.mktemp("job")))


@pytest.fixture(scope="session")
def news_job(tmp_path_factory: pytest.TempPathFactory) -> NewsJob:
    """A prepared newsroom with a model and kernels, all of random weights."""
    return make_news_job(Path(tmp_path_factory.mktemp("news_job")))


@pytest.fixture
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte, or of as many as the test is parametrized with."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={getattr(request, 'param', 1)}m"
    with mounted(folder, "-t", "tmpfs", "-o", size, "tmpfs"):
        yield folder

"""A small job of each kind and its export, made once for all tests, and a small disk."""

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault_cases import MARK, FaultReport, decided_by
from tests.jobs import Job, export_job, run_job
from tests.mounts import mounted
from tests.news_jobs import NewsJob, export_news_job, make_news_job
from tests.once import made_once


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
    return Job(made_once(tmp_path_factory, "job", run_job))


@pytest.fixture(scope="session")
def exported(job: Job, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version that `export_job` publishes."""
    make = functools.partial(export_job, job)
    return made_once(tmp_path_factory, "exported", make) / "ranking" / "1"


@pytest.fixture(scope="session")
def news_job(tmp_path_factory: pytest.TempPathFactory) -> NewsJob:
    """A prepared newsroom with a model and kernels, all of random weights."""
    return NewsJob(made_once(tmp_path_factory, "news_job", make_news_job))


@pytest.fixture(scope="session")
def exported_news(news_job: NewsJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version that `export_news_job` publishes."""
    make = functools.partial(export_news_job, news_job)
    return made_once(tmp_path_factory, "exported_news", make) / "news" / "1"


@pytest.fixture
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte, or of as many as the test is parametrized with."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={getattr(request, 'param', 1)}m"
    with mounted(folder, "-t", "tmpfs", "-o", size, "tmpfs"):
        yield folder

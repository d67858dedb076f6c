import pytest

from tests.evaluation.click_log import ClickLog, click_log


@pytest.fixture(scope="session")
def log() -> ClickLog:
    """Five thousand rows; nobody may change them."""
    return click_log(5000, 400, seed=1)

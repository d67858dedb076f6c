"""The whole job once, for all tests that look at what it left."""

from pathlib import Path

import pytest

from tests.shop import Shop, make_shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Nobody may change what lies there."""
    return make_shop(Path(tmp_path_factory.mktemp("shop")))

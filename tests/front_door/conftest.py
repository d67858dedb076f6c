"""The whole job once, for all tests that look at what it left."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.once import made_once
from tests.shop import Shop, make_shop
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.data.sources.registered import REGISTERED_SOURCES
from tfrec_mt.models.catalog import RANKING_MODELS


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Nobody may change what lies there."""
    return Shop(made_once(tmp_path_factory, "shop", make_shop))


@pytest.fixture(autouse=True)
def _catalogs() -> Iterator[None]:
    """What a test or an example registers goes with it."""
    catalogs: tuple[dict[str, Any], ...] = (RANKING_MODELS, ADAPTERS, REGISTERED_SOURCES)
    before = [dict(catalog) for catalog in catalogs]
    yield
    for catalog, names in zip(catalogs, before, strict=True):
        catalog.clear()
        catalog.update(names)

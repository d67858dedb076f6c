from pathlib import Path

import pytest

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.preparation.prepare import prepare
from tfrec_mt.data.sources.takeout import TakeoutConfig, TakeoutSource
from tfrec_mt.data.splits import SplitSpec


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    """A prepared takeout world of about 20 batches of 64 rows."""
    source = TakeoutSource(TakeoutConfig(rows=1800))
    folder = Path(tmp_path_factory.mktemp("takeout")) / "data"
    return prepare(source, folder, SplitSpec.parse("train:6,test:2", "days"))

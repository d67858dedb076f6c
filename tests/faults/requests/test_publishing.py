"""What is published, and what a reader sees of it meanwhile."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

import tfrec_mt as mt
from tests.fault_cases import Record
from tfrec_mt.schema import DataError
from tfrec_mt.serving.bundle import README
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.versions import EXTRA, newest_version, roll_back, verified_manifest


def test_the_readme_says_what_is_needed_and_told(version: Path) -> None:
    text = (version / EXTRA / README).read_text()
    assert "| input | `history_kind`, may be left out | string |" in text
    assert "| input | `price` | float32 | [None] |" in text
    assert "`price`, `hour` must be there and finite, as the schema does not impute them." in text
    assert "a click\nwithout `history_iid` is none" in text
    assert "`unknown_user` and `unknown_item` say whose id" in text


@pytest.mark.fault_case("44")
def test_a_base_whose_scores_are_none_is_not_published(
    log: mt.PreparedDataset, tmp_path: Path
) -> None:
    model = mt.models.OnlineLargeRecommender(
        log.schema, embedding_width=4, units=(8,), heads=1, head_width=4
    )
    weight = model.weights[-1]
    weight.assign(np.full(weight.shape, np.nan))
    with pytest.raises(DataError, match=r"warm-up request with a ct\w+ that is not finite"):
        mt.export(model, tmp_path / "export", log)
    assert not [path for path in (tmp_path / "export").iterdir() if path.name.isdigit()]


@pytest.mark.fault_case("45")
@pytest.mark.parametrize("publishes", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_a_reader_never_sees_a_part_of_a_version(
    publishes: int, version: Path, tmp_path: Path, record_property: Record
) -> None:
    output = tmp_path / "ranking"
    shutil.copytree(version.parent, output)
    exchange_kernels(ExchangeConfig(output=output, remove=[("market", "de")]))
    seen: list[str] = []
    errors: list[Exception] = []
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            try:
                found = newest_version(output)
                verified_manifest(found)
                seen.append(found.name)
            except Exception as error:
                errors.append(error)

    reader = threading.Thread(target=poll)
    reader.start()
    for _ in range(publishes):
        roll_back(output)
    done.set()
    reader.join()
    assert not errors
    assert len(set(seen)) > 1 and seen == sorted(seen, key=int)
    record_property("came", f"{publishes} publishes, {len(set(seen))} versions read, each whole")

"""Studies of public tables, on invented rows."""

from pathlib import Path
from typing import Any

import pytest

from studies.framework.study import Outcome, Study
from studies.public_data.public_data_experiment import public_data_experiment
from studies.public_data.public_tables import ALI_EXPRESS, KUAI_RAND
from tests.data.sources.test_tables import write_table
from tfrec_mt.schema import SchemaError

SMALL = {"embedding_width": 2, "units": [4], "batch_size": 8, "kernel_batch_size": 8, "epochs": 1}


def _run(study: Study, variant: str, root: Path) -> Outcome:
    (chosen,) = (one for one in study.variants if one.name == variant)
    settings: dict[str, Any] = {**study.settings, **chosen.settings, **SMALL, "seed": 0}
    return public_data_experiment(settings, root / variant, root / "shared")


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table("ali_express", tmp_path / "files" / "ali_express", {"train": 60, "test": 30})
    monkeypatch.setenv("TFREC_MT_DATA", str(tmp_path / "files"))


@pytest.mark.slow  # a whole job
def test_models_are_measured_as_the_data_comes_divided_and_kernels_on_rows_apart(
    tmp_path: Path,
) -> None:
    alone = _run(ALI_EXPRESS, "SB", tmp_path)
    domains = {f"ali_express/{task}/auc/{c}" for task in ("ctr", "ctcvr") for c in ("NL", "US")}
    assert domains | {"ali_express/ctr/log_loss"} <= set(alone.estimates)
    kernels = _run(ALI_EXPRESS, "rows at random, base without domains: kernels", tmp_path)
    assert set(kernels.estimates) == set(alone.estimates)


def test_data_that_is_not_here_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="kuai_rand does not exist; the data is not part"):
        _run(KUAI_RAND, "SB", tmp_path)

"""The programs in `examples/`, run as they stand."""

import importlib.util
from pathlib import Path

import pytest

import tfrec_mt as mt
from tfrec_mt.adapters.catalog import ADAPTERS

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py"))


def test_there_is_one_of_each_kind() -> None:
    assert EXAMPLES == ["own_adapter", "own_keras_model", "own_log", "vectors"]


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_it_runs_and_its_kernels_help(name: str, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        report = module.main(tmp_path)
    finally:
        ADAPTERS.pop("offset", None)
    assert isinstance(report, mt.Evaluation)
    lifts = {
        row.topic: row
        for row in report.metrics
        if (row.model, row.metric, row.domain) == ("adapted", "auc_lift", "mean")
    }
    assert lifts
    if name in ("own_keras_model", "vectors", "own_log"):
        # the domains of these differ by construction
        assert lifts["market"].ci_low is not None and lifts["market"].ci_low > 0
    assert (tmp_path / "export" / "1" / "saved_model.pb").is_file()

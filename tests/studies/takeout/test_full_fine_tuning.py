"""A copy of the base for every domain, on a takeout world of a few rows."""

from pathlib import Path

import numpy as np
import pytest

from studies.takeout.full_fine_tuning import full_fine_tuning
from studies.takeout.takeout_runs import TAKEOUT_SETTINGS, takeout_base, takeout_data
from tfrec_mt.configs import EvaluateConfig
from tfrec_mt.evaluation.cells import Cell
from tfrec_mt.jobs.evaluate import run_evaluate
from tfrec_mt.models.model_store import load_model
from tfrec_mt.storage.names import MODEL

SMALL = {**TAKEOUT_SETTINGS, "rows": 20_000, "units": [8], "kernel_topics": ["scene"], "seed": 0}


@pytest.mark.slow
def test_each_domain_has_its_own_copy_measured_on_its_own_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, shared = tmp_path / "full", tmp_path / "shared"
    found = full_fine_tuning(SMALL, folder, shared)
    dataset, base = takeout_data(SMALL, shared), takeout_base(SMALL, shared)
    domains = dataset.schema.topic("scene").domains
    assert set(found.estimates) == {f"{t}/scene/{d}" for t in ("ctr", "ctcvr") for d in domains}
    # as a copy gives that scores all rows; bins of scores apart, of which intervals are made
    domain = domains[-1]
    own = folder / "scene" / domain
    config = EvaluateConfig(data=dataset.path, base=base, control=own / "run")
    expected = run_evaluate(config).scores.estimate("control", "ctr", Cell("scene", domain), "auc")
    estimate = found.estimates[f"ctr/scene/{domain}"]
    assert estimate.value == expected.value
    apart = estimate.replicates - expected.replicates
    assert np.nanstd(apart) < 0.05 * np.nanstd(expected.replicates)
    plain = run_evaluate(config).scores.estimate("zero_shot", "ctr", Cell("scene", domain), "auc")
    assert estimate.value != plain.value
    trained = sum(w.shape.num_elements() for w in load_model(base / MODEL).trainable_weights)
    assert found.facts["trained weights per domain"] == trained
    # what is there is not trained again
    monkeypatch.setattr("studies.takeout.full_fine_tuning.run_pretrain", pytest.fail)
    again = full_fine_tuning(SMALL, folder, shared)
    assert again.estimates[f"ctr/scene/{domain}"].value == estimate.value

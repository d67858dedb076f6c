"""Kernels that read ids beside knowledge: trained, kept, saved, measured, and not exported."""

from pathlib import Path

import numpy as np
import pytest

from tests.adapters.item_offset import ItemOffset
from tests.adapters.longhand import widths_of
from tests.jobs import Job
from tests.worlds import (
    candidate_batch,
    one_row_per_candidate,
    random_batch,
    small_model,
    small_schema,
)
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.configs import FineTuneConfig, TrainConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.jobs.evaluate import evaluate
from tfrec_mt.jobs.export import export
from tfrec_mt.jobs.fine_tune import run_fine_tune
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema import SchemaError


def _offsets(layer: ItemOffset) -> np.ndarray:
    return np.asarray(layer._offsets["ctr"].value)


@pytest.fixture(scope="module")
def model() -> AdaptedModel:
    base = small_model("olr", small_schema())
    layer = ItemOffset("region", base.topics["region"], widths_of(base))
    layer.align({task: np.array(u) for task, u in base.head.directions().items()})
    rng = np.random.default_rng(0)
    for weight in layer._offsets.values():
        weight.assign(rng.normal(size=weight.shape))
    return AdaptedModel(base, [layer])


def test_an_item_moves_the_logit_by_its_own_number(model: AdaptedModel) -> None:
    features, _ = random_batch(model.base.schema, 200)
    plain, adapted = (m.logits(m.knowledge(features)) for m in (model.base, model))
    moved = (adapted["ctr"] - plain["ctr"]).numpy()[:, 0]
    region, item = features["region"], features["item_id"]
    expected = np.where(region > 0, _offsets(model.kernels[0])[region - 1, item], 0.0)
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    assert np.abs(expected).max() > 1


def test_each_item_of_a_request_brings_its_own_id(model: AdaptedModel) -> None:
    requests = candidate_batch(model.base.schema, 5, 4)
    rows = one_row_per_candidate(model.base.schema, requests)
    found = model.logits(model.knowledge(requests, candidates=True))["ctr"]
    expected = model.logits(model.knowledge(rows))["ctr"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_feature_that_rows_do_not_have_is_named(model: AdaptedModel) -> None:
    features, _ = random_batch(model.base.schema, 3)
    del features["item_id"]
    with pytest.raises(SchemaError, match="kernels of region read feature 'item_id', which the"):
        model.ids(features)


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True])
def test_ids_reach_training_from_features_and_beside_kept_knowledge(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    monkeypatch.setitem(ADAPTERS, "item_offset", ItemOffset)
    base = load_model(job.model)
    assert isinstance(base, RankingModel)
    name = base.schema.keys.item
    monkeypatch.setattr(ItemOffset, "needed_features", (name,))
    config = FineTuneConfig(
        base=job.base,
        data=job.data,
        output=tmp_path / "run",
        topics=("scene",),
        adapter="item_offset",
        certainty=0.0,
        knowledge=tmp_path / "knowledge" if kept else None,
        train=TrainConfig(batch_size=64),
    )
    (layer,) = load_kernels(run_fine_tune(config), fingerprint(base))
    assert isinstance(layer, ItemOffset)
    moved = np.abs(_offsets(layer)).sum(axis=0)
    assert np.count_nonzero(moved) > 1
    model = AdaptedModel(base, [layer])
    report = evaluate(model, PreparedDataset(job.data))
    table = report.table.filter(topic="scene")
    assert (table["lift"].abs() > 0).any()
    with pytest.raises(SchemaError, match=rf"kernels of scene \(ItemOffset\) read {name} beside"):
        export(model, tmp_path / "export", PreparedDataset(job.data))
    assert not (tmp_path / "export").exists()

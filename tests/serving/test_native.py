"""The exported model in TensorFlow's own C++ runtime."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.native.native_model import NativeModel, NativeModelError
from tests.jobs import Job
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.exported_model import load_export
from tfrec_mt.serving.requests import row_tensors
from tfrec_mt.serving.versions import EXTRA, read_manifest
from tfrec_mt.serving.warm_up import read_warm_up
from tfrec_mt.workloads.ranking import score_rows
from tfrec_mt.workloads.workload import ROW

pytestmark = pytest.mark.serving

TASKS = ("ctr", "ctcvr")


@pytest.fixture(scope="module")
def model(exported: Path) -> Iterator[NativeModel]:
    with NativeModel(exported) as model:
        yield model


def _inputs(version: Path) -> dict[str, np.ndarray]:
    """Those of the first warm-up request."""
    (signature, tensors), *_ = read_warm_up(version / EXTRA)
    assert signature == "serving_default"
    return tensors


def _repeated(rows: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    places = np.arange(count) % len(rows["item_id"])
    return {name: values[places] for name, values in rows.items()}


def test_it_scores_as_the_model_in_memory(job: Job, exported: Path, model: NativeModel) -> None:
    dataset = PreparedDataset(job.data)
    requests = dataset.requests().head(1_000)
    base = load_model(job.model, dataset)
    whole = AdaptedModel(base, load_kernels(job.kernel_folder, fingerprint(base)))
    expected = score_rows(Scorer(whole), dataset, requests[ROW].to_numpy())
    specs = load_export(exported).inputs
    found = model.answer("serving_default", row_tensors(requests, specs))
    assert len(requests) == 1_000
    for task in TASKS:
        np.testing.assert_allclose(found[task], expected[task], atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 7, 4_096])
def test_batches_of_any_size(exported: Path, model: NativeModel, count: int) -> None:
    rows = _inputs(exported)
    whole = model.answer("serving_default", rows)
    found = model.answer("serving_default", _repeated(rows, count))
    places = np.arange(count) % len(rows["item_id"])
    for task in TASKS:
        assert found[task].shape == (count,)
        np.testing.assert_allclose(found[task], whole[task][places], atol=1e-6)


def test_every_warm_up_request_is_answered(exported: Path, model: NativeModel) -> None:
    for signature, tensors in read_warm_up(exported / EXTRA):
        answer = model.answer(signature, tensors)
        assert all(np.isfinite(answer[task]).all() for task in TASKS)


def test_exchanged_kernels_load_and_leave_the_others(
    exported: Path, model: NativeModel, tmp_path: Path
) -> None:
    output = Path(shutil.copytree(exported.parent, tmp_path / "ranking"))
    gone = read_manifest(exported)["kernels"]["region"][0]
    following = exchange_kernels(ExchangeConfig(output=output, remove=[("region", gone)]))
    rows = _inputs(exported)
    stay = rows["region"].astype(str) != gone
    with NativeModel(following) as other:
        before, after = (m.answer("serving_default", rows) for m in (model, other))
    assert 0 < stay.sum() < len(stay)
    for task in TASKS:
        np.testing.assert_array_equal(after[task][stay], before[task][stay])
        assert np.any(after[task][~stay] != before[task][~stay])


def test_what_the_runtime_says_is_passed_on(exported: Path, model: NativeModel) -> None:
    with pytest.raises(NativeModelError, match="no signature nothing"):
        model.answer("nothing", {})
    with pytest.raises(NativeModelError, match="has no input colour"):
        model.answer("serving_default", {"colour": np.zeros(1, np.float32)})
    with pytest.raises(NativeModelError, match="NOT_FOUND"):
        NativeModel(exported.parent)

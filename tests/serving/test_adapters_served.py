"""Exports of other adapters than the default one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.adapters.kernel_files import copied_kernel
from tests.adapters.longhand import SETTINGS, widths_of
from tests.jobs import Job
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.kernel_store import kernel_path, save_kernels
from tfrec_mt.configs import ExportConfig, ScoreConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.jobs.export import run_export
from tfrec_mt.jobs.score import run_score
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.schema import DataError
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.requests import row_tensors
from tfrec_mt.storage.names import KERNELS


def _kernels(job: Job, folder: Path, adapter: str, settings: dict[str, Any]) -> Path:
    """Small random kernels of all regions, as a run leaves them."""
    base = load_model(job.model)
    topic = base.schema.topic("region")
    layer = ADAPTERS[adapter](topic.name, topic.domains, widths_of(base), **settings)
    rng = np.random.default_rng(0)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(scale=0.1, size=weight.shape))
    layer.align({task: np.array(values) for task, values in base.head.directions().items()})
    save_kernels(layer, folder / KERNELS, fingerprint(base))
    return folder


def _answer(version: Path, rows: dict[str, Any]) -> dict[str, np.ndarray]:
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    answer = signature(**{name: tf.constant(value) for name, value in rows.items()})
    return {name: values.numpy() for name, values in answer.items()}


# the others are chains of dense layers, as IAK is
@pytest.mark.slow  # a whole job
@pytest.mark.parametrize("adapter", ["gate", "last_layer"])
def test_an_export_scores_as_memory_and_its_kernels_can_go(
    job: Job, tmp_path: Path, adapter: str
) -> None:
    kernels = _kernels(job, tmp_path / "kernels", adapter, SETTINGS[adapter])
    config = ExportConfig(base=job.base, kernels=kernels, data=job.data, output=tmp_path / "x")
    version = run_export(config)
    found = run_score(ScoreConfig(export=version, data=job.data, base=job.base, kernels=kernels))
    assert found.difference is not None and found.difference <= 1e-6
    plain = run_score(ScoreConfig(export=version, data=job.data, base=job.base))
    assert plain.difference is not None and plain.difference > 1e-4

    specs = tf.saved_model.load(str(version)).signatures["serving_default"]
    requests = PreparedDataset(job.data).requests().head(256)
    rows = row_tensors(requests, dict(specs.structured_input_signature[1]))
    gone = rows["region"][0]
    others = rows["region"] != gone
    without = exchange_kernels(ExchangeConfig(output=tmp_path / "x", remove=[("region", gone)]))
    before, after = _answer(version, rows), _answer(without, rows)
    np.testing.assert_array_equal(after["ctr"][others], before["ctr"][others])
    assert np.any(after["ctr"][~others] != before["ctr"][~others])
    kernel = kernel_path(kernels / KERNELS, "region", str(gone))
    again = exchange_kernels(ExchangeConfig(output=tmp_path / "x", add=[kernel]))
    np.testing.assert_array_equal(_answer(again, rows)["ctr"], before["ctr"])


@pytest.mark.slow
def test_a_kernel_that_the_graph_would_bend_otherwise_cannot_come(job: Job, tmp_path: Path) -> None:
    slopes = {name: {"encoder_units": (7,), "negative_slope": s} for name, s in _SLOPES.items()}
    old, new = (_kernels(job, tmp_path / n, "iak", settings) for n, settings in slopes.items())
    run_export(ExportConfig(base=job.base, kernels=old, data=job.data, output=tmp_path / "x"))
    source = kernel_path(new / KERNELS, "region", "region1")
    kernel = copied_kernel(tmp_path / "other", source, "new")
    with pytest.raises(DataError, match=r"kernels of slope 0\.01 between layers, 'new' has 0\.1"):
        exchange_kernels(ExchangeConfig(output=tmp_path / "x", add=[kernel]))


_SLOPES = {"old": 0.01, "new": 0.1}

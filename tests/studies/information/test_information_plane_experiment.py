"""The information plane on a takeout world of a few rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studies.framework.study import Outcome
from studies.information.channel_information import channel_information
from studies.information.information_plane import INFORMATION_PLANE
from studies.information.information_plane_experiment import (
    CORRELATION_METRICS,
    CURVES,
    FINAL_METRICS,
    INFORMATION_SETTINGS,
    PLANE,
    information_plane_experiment,
)
from studies.information.information_trace import FINE
from studies.information.kernel_probe import kernel_probe
from studies.information.kernel_snapshots import kernel_snapshots, snapshot_steps, trained_weights
from studies.takeout.takeout_runs import takeout_base, takeout_data, takeout_kernels
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.models.model_store import fingerprint, load_model
from tfrec_mt.schema import SchemaError
from tfrec_mt.storage.names import MODEL
from tfrec_mt.training.run_folder import kernels_behind

pytestmark = pytest.mark.slow  # a job and an experiment

SMALL: dict[str, Any] = {
    **INFORMATION_SETTINGS,
    **{"rows": 20_000, "units": [8], "adapter_settings": {"encoder_units": [4]}},
    **{"model": "shared_bottom", "kernel_topics": ["period"]},
    **{"snapshots": 4, "rows_per_domain": 300, "seed": 1},
}
TRAINED = {
    k: v for k, v in SMALL.items() if k not in ("kl_weights", "rows_per_domain", "snapshots")
}
RUN = {**TRAINED, "kl_weight": 10.0, "certainty": 0.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tmp_path_factory.mktemp("study"))


def _run(folder: Path, *weights: float) -> Outcome:
    settings = {**SMALL, "kl_weights": list(weights)}
    return information_plane_experiment(settings, folder / "run", folder / "shared")


@pytest.fixture(scope="module")
def one(folder: Path) -> Outcome:
    return _run(folder, 10.0)


def test_steps_are_spread_from_0_to_the_last() -> None:
    assert snapshot_steps(487, 12) == [0, 1, 2, 3, 6, 12, 22, 41, 76, 141, 262, 487]
    assert snapshot_steps(3, 12) == [0, 1, 2, 3]
    assert snapshot_steps(9, 2) == [0, 9]
    with pytest.raises(SchemaError, match="expected a step and two snapshots or more, got 9 and 1"):
        snapshot_steps(9, 1)


def test_the_last_snapshot_is_what_fine_tuning_gives(folder: Path, one: Outcome) -> None:
    shared = folder / "shared"
    snapshots = kernel_snapshots(RUN, 4, shared)
    base = load_model(takeout_base(RUN, shared) / MODEL, takeout_data(RUN, shared))
    known = fingerprint(base)
    whole = {
        v.topic: v for v in kernels_behind(base, takeout_kernels(RUN, folder / "whole", shared))
    }
    assert list(snapshots) == snapshot_steps(max(snapshots), 4)
    first, last = (
        {layer.topic: layer for layer in load_kernels(snapshots[step], known)}
        for step in (0, max(snapshots))
    )
    for topic, layer in whole.items():
        for domain in layer.domains:
            weights, ended = layer.kernel(domain), last[topic].kernel(domain)
            started = first[topic].kernel(domain)
            assert not started["ctr_decoder_kernel"].any()
            for name in ("ctr_encoder_kernel_0", "ctr_encoder_bias_0", "ctr_decoder_kernel"):
                np.testing.assert_allclose(ended[name], weights[name], rtol=1e-3, atol=1e-3)
            moved = np.abs(ended["ctr_encoder_kernel_0"] - started["ctr_encoder_kernel_0"])
            assert moved.max() > 0.01
    trained = trained_weights(snapshots[0])["period/ctr_encoder_kernel_0"]
    assert abs(trained.mean()) < 0.1 and abs(trained.std() - 1.0) < 0.1


def test_one_weight_gives_what_it_ends_with(folder: Path, one: Outcome) -> None:
    correlations = {name for name in CORRELATION_METRICS if not name.endswith("/end")}
    assert set(one.estimates) == {*FINAL_METRICS, *correlations}
    assert set(one.curves) == {*CURVES.values(), PLANE}
    for name, key in (("information", "fine"), ("label", "label"), ("distance", "distance")):
        assert one.estimates[name].value == pytest.approx(one.curves[CURVES[key]][-1][1])
    assert one.estimates["kl"].value == pytest.approx(1e6 * one.curves[CURVES["kl"]][-1][1])
    low, high = one.estimates["information"].interval()
    assert low is not None and high is not None
    assert low < one.estimates["information"].value < high
    assert one.curves[CURVES["distance"]][0] == (0, 0.0)
    assert [x for x, _ in one.curves[PLANE]] == [y for _, y in one.curves[CURVES["fine"]]]
    assert 0.4 < one.estimates["auc"].value < 0.95


def test_noise_is_a_tenth_of_untrained_codes(folder: Path, one: Outcome) -> None:
    probe = kernel_probe({**RUN, "snapshots": 4, "rows_per_domain": 300}, folder / "shared")
    start = probe.kernels(0)
    codes = [probe.code(cell, start[cell]) for cell in probe.rows]
    unit = np.sqrt(np.mean([code.var(axis=0).mean() for code in codes]))
    assert all(len(rows.labels) <= 300 for rows in probe.rows.values())
    expected = np.mean([channel_information(code, FINE * unit) for code in codes])
    assert one.curves[CURVES["fine"]][0][1] == pytest.approx(expected)


def test_several_weights_are_correlated_and_nothing_is_made_twice(
    folder: Path, one: Outcome
) -> None:
    made = [folder / "shared" / name for name in ("snapshots", "traces")]
    before = {path: path.stat().st_mtime_ns for root in made for path in root.iterdir()}
    both = _run(folder, 10.0, 0.0)
    after = {path: path.stat().st_mtime_ns for root in made for path in root.iterdir()}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 2
    assert set(both.estimates) == set(CORRELATION_METRICS)
    for estimate in both.estimates.values():
        assert np.isnan(estimate.value) or -1 <= estimate.value <= 1
    assert not both.curves
    assert both.estimates["kl/fine/pooled"].value != one.estimates["kl/fine/pooled"].value


def test_what_it_cannot_follow_is_refused(folder: Path) -> None:
    with pytest.raises(SchemaError, match="kl_weights: expected at least one weight"):
        _run(folder)
    with pytest.raises(SchemaError, match="expected the adapter 'iak', which encodes, got 'lora'"):
        information_plane_experiment({**SMALL, "adapter": "lora"}, folder, folder / "shared")


def test_the_study_has_a_row_for_each_weight_and_one_for_all() -> None:
    weights = [variant.settings["kl_weights"] for variant in INFORMATION_PLANE.variants]
    assert weights[-1] == [weight for alone in weights[:-1] for weight in alone]
    assert set(INFORMATION_PLANE.metrics) <= {*FINAL_METRICS, *CORRELATION_METRICS}

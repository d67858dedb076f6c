"""The control of kernels: as many steps on the same rows, at the rate that suits it best."""

import dataclasses
import json
import math
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.jobs import Job
from tests.training.small_runs import toy_learner
from tfrec_mt.configs import EvaluateConfig, FineTuneConfig, PretrainConfig, TrainConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.data.reading.reader import BatchReader
from tfrec_mt.evaluation.evaluation import Evaluation
from tfrec_mt.jobs import control
from tfrec_mt.jobs.control import (
    ControlRate,
    choose_rate,
    control_config,
    control_rate,
    run_control,
)
from tfrec_mt.jobs.evaluate import run_evaluate
from tfrec_mt.models.model_store import load_model
from tfrec_mt.models.scorer import Scorer
from tfrec_mt.schema.task import ROW_WEIGHT
from tfrec_mt.training.user_clusters import held_out
from tfrec_mt.training.users_apart import UsersApart


def _config(job: Job, output: Path) -> PretrainConfig:
    base = PretrainConfig(
        data=job.data,
        output=job.base,
        parts=("train",),
        learning_rate=0.003,
        ema_decay=0.99,
        warm_up=0.5,
        validation="fresh",
        train=TrainConfig(batch_size=512, epochs=3, patience=2),
    )
    kernels = FineTuneConfig(
        base=job.base,
        data=job.data,
        output=job.kernels,
        rate_schedule="constant",
        train=TrainConfig(batch_size=256, epochs=2),
    )
    return control_config(base, kernels, output)


def test_a_control_has_the_rows_passes_and_batches_of_its_kernels(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(job, tmp_path / "control")
    assert config.init_from == job.base and config.parts == ("fresh",)
    assert (config.train.batch_size, config.train.epochs, config.train.patience) == (256, 2, 0)
    assert config.rate_schedule == "constant"
    assert config.validation is None and config.ema_decay == config.warm_up == 0

    monkeypatch.setattr(control, "_held_out_loss", lambda _, rate: abs(rate - 0.008))
    run_control(config)

    rows = PreparedDataset(job.data).rows("fresh")
    found = control_rate(config.output)
    assert found and found.steps == 2 * (rows // 256)
    lines = (config.output / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[-1])["step"] == found.steps
    assert found.rate == 0.008 and sorted(found.losses) == [0.004, 0.008, 0.016]


@pytest.mark.slow
def test_an_evaluation_tells_how_its_control_came_about(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(job, tmp_path / "control")
    monkeypatch.setattr(control, "_held_out_loss", lambda _, rate: rate)
    monkeypatch.setattr(control, "MOST_TRIED", 2)
    run_control(config)

    found = run_evaluate(
        EvaluateConfig(data=job.data, base=job.base, kernels=job.kernels, control=config.output)
    )
    steps = 2 * (PreparedDataset(job.data).rows("fresh") // 256)
    told = f"{steps} steps at rate 0.004 (chosen from 0.004 0.008 by log loss of held-out users)"
    assert found.control == told and f"Control: {told}." in str(found)
    before_tables = str(found).split("\n\npart test")[0]
    assert "over the base and" in before_tables and "over the control" in before_tables
    assert told in found._repr_html_()
    assert told in (found.save(tmp_path / "evaluation") / "report.html").read_text(encoding="utf-8")
    _check_distances(found)

    given = run_evaluate(
        EvaluateConfig(data=job.data, base=job.base, kernels=job.kernels, control=job.control)
    )
    assert given.control == "" and "Control:" not in str(given)


def _check_distances(found: Evaluation) -> None:
    """What stands in the table is the difference of two models, on the same resampled users."""
    for row in found.table.filter(found.table["domain"] != "mean").iter_rows(named=True):
        if row["lift"] is None:
            continue
        assert row["over_control"] == pytest.approx(row["adapted"] - row["control"], abs=1e-9)
        assert row["over_control_low"] <= row["over_control"] <= row["over_control_high"]


@pytest.mark.parametrize(
    ("best", "tried", "chosen"),
    [
        (0.004, [0.002, 0.004, 0.008], 0.004),
        (0.03, [0.004, 0.008, 0.016, 0.032, 0.064], 0.032),
        (0.0011, [0.0005, 0.001, 0.002, 0.004, 0.008], 0.001),
        (math.inf, [0.004 * 2**n for n in range(7)], 0.256),
    ],
)
def test_rates_are_tried_as_long_as_the_loss_falls(
    tmp_path: Path, best: float, tried: list[float], chosen: float
) -> None:
    def loss(rate: float) -> float:
        return abs(math.log(rate / best)) if math.isfinite(best) else -rate

    found = choose_rate(tmp_path, 10, loss)
    assert sorted(found.losses) == pytest.approx(tried)
    assert found.rate == pytest.approx(chosen)
    assert control_rate(tmp_path) == found


def test_a_search_that_was_killed_goes_on(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, measured = _config(job, tmp_path / "control"), list[float]()

    def loss(_: PretrainConfig, rate: float) -> float:
        if len(measured) == 2:
            measured.append(math.nan)
            raise KeyboardInterrupt
        measured.append(rate)
        return -rate if rate < 0.02 else 1.0

    monkeypatch.setattr(control, "_held_out_loss", loss)
    with pytest.raises(KeyboardInterrupt):
        run_control(config)
    run_control(config)
    assert measured == pytest.approx([0.004, 0.008, math.nan, 0.016, 0.032], nan_ok=True)
    found = control_rate(config.output)
    assert found and found.rate == 0.016


def test_a_rate_that_diverges_is_not_chosen() -> None:
    found = ControlRate(steps=3, losses={0.004: 0.2, 0.008: math.inf, 0.002: math.nan})
    assert found.rate == 0.004
    assert str(found).startswith("3 steps at rate 0.004 (chosen from 0.002 0.004 0.008 by")


def test_the_loss_is_that_of_users_that_were_not_learned_from(job: Job) -> None:
    dataset = PreparedDataset(job.data)
    model = load_model(job.base / "model", dataset)
    reader = BatchReader(dataset, ("fresh",), 256, seed=0)
    batch = reader.read(0, reader.steps_per_epoch)
    users = batch.keys["user"]
    apart = held_out(users)
    assert 0.2 < apart.mean() < 0.5
    assert not set(users[apart]) & set(users[~apart])
    scores = Scorer(model)({name: values[apart] for name, values in batch.features.items()})
    expected = 0.0
    for task, chances in scores.items():
        labels, chances = batch.labels[task][apart], chances.astype(np.float64)
        expected -= float(np.mean(np.log(np.where(labels > 0, chances, 1 - chances))))
    assert UsersApart(reader, 8).loss(model, {}) == pytest.approx(expected, rel=1e-5)
    assert UsersApart(reader, 8).loss(model, {"ctcvr": 0.0}) < expected


class _Turned:
    """A reader whose held-out rows have the other labels."""

    def __init__(self, reader: BatchReader) -> None:
        self._reader = reader
        self.steps_per_epoch = reader.steps_per_epoch

    def read(self, start_step: int, stop_step: int) -> Batch:
        batch = self._reader.read(start_step, stop_step)
        apart = held_out(batch.keys["user"])
        labels = {n: np.where(apart, 1 - values, values) for n, values in batch.labels.items()}
        return dataclasses.replace(batch, labels=labels)


def test_rows_of_held_out_users_are_not_learned_from(dataset: PreparedDataset) -> None:
    weights = []
    for reader in (
        BatchReader(dataset, ("train",), 64, seed=0),
        _Turned(BatchReader(dataset, ("train",), 64, seed=0)),
    ):
        keras.utils.set_random_seed(0)
        learner = toy_learner(dataset)
        batch = UsersApart(reader, 1).read(0, 1)
        assert batch.labels[ROW_WEIGHT].shape == batch.labels["ctr"].shape
        features = {name: values[0] for name, values in batch.features.items()}
        features["noise"] = np.zeros(64, np.float32)
        learner.step(features, {name: values[0] for name, values in batch.labels.items()})
        weights.append(learner.model.table.numpy())
    np.testing.assert_array_equal(*weights)

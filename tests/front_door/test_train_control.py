"""The control of kernels, trained with one call."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfrec_mt as mt
from tests.news_jobs import NewsJob
from tests.shop import Shop
from tfrec_mt.jobs import control
from tfrec_mt.jobs.control import control_rate
from tfrec_mt.training.run_folder import read_settings


@pytest.fixture(autouse=True)
def best(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search, which trains a model for each rate, is quick and finds .008."""
    monkeypatch.setattr(control, "_held_out_loss", lambda _, rate: abs(rate - 0.008))


def test_it_is_the_base_continued_on_the_kernels_rows(shop: Shop, tmp_path: Path) -> None:
    model = mt.load(shop.kernels)
    found = mt.train_control(model, tmp_path / "control")

    told, of_kernels = read_settings(tmp_path / "control"), read_settings(shop.kernels)
    assert told["parts"] == of_kernels["parts"] == ["fresh"]
    assert told["train"]["batch_size"] == of_kernels["train"]["batch_size"] == 64
    assert told["init_from"] == str(shop.base)
    assert told["data_fingerprint"] == of_kernels["data_fingerprint"]
    rate = control_rate(tmp_path / "control")
    assert rate and rate.rate == 0.008 and rate.steps == mt.load(shop.data).rows("fresh") // 64
    assert rate.steps == _last_step(shop.kernels) == _last_step(tmp_path / "control")
    pairs = zip(model.base.weights, found.weights, strict=True)
    assert any(np.any(one.numpy() != other.numpy()) for one, other in pairs)

    report = mt.evaluate(model, control=found)
    assert report.control == str(rate)
    row = report.table.filter(topic="all", task="ctr")
    assert row["over_control"][0] == pytest.approx(row["adapted"][0] - row["control"][0], abs=1e-9)


def _last_step(run: Path) -> int:
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return max(int(line.partition('"step": ')[2].split(",")[0].rstrip("}")) for line in lines)


def test_one_that_was_not_finished_goes_on(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: object, rate: float) -> float:
        raise KeyboardInterrupt

    measured = control._held_out_loss
    monkeypatch.setattr(control, "_held_out_loss", stopped)
    with pytest.raises(KeyboardInterrupt):
        mt.train_control(shop.kernels, tmp_path / "control")
    monkeypatch.setattr(control, "_held_out_loss", measured)
    mt.train_control(shop.kernels, tmp_path / "control")
    with pytest.raises(RuntimeError, match="holds a finished run"):
        mt.train_control(shop.kernels, tmp_path / "control")


@pytest.mark.parametrize("run", ["base", "data"])
def test_only_kernels_have_one(run: str, shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(mt.SchemaError, match="holds no kernels"):
        mt.train_control(getattr(shop, run), tmp_path / "control")
    assert not (tmp_path / "control").exists()


def test_a_model_of_ones_own_is_continued_by_its_owner(tmp_path: Path) -> None:
    for name in ("kernels", "rows"):
        (tmp_path / "run" / name).mkdir(parents=True)
    with pytest.raises(mt.SchemaError, match="behind a model of your own; train a copy of it"):
        mt.train_control(tmp_path / "run", tmp_path / "control")


@pytest.mark.slow  # compiles a step of a title encoder
def test_news_have_one(news_job: NewsJob, tmp_path: Path) -> None:
    log = mt.load(news_job.data)
    settings: dict[str, Any] = {"title_encoder": "bag", "auxiliary": ["category"]}
    base = mt.pretrain(log, tmp_path / "base", learning_rate=0.002, **settings)
    mt.fine_tune(base, log, tmp_path / "kernels", batch_size=8, epochs=2)
    mt.train_control(tmp_path / "kernels", tmp_path / "control")
    rate = control_rate(tmp_path / "control")
    assert rate and rate.steps == _last_step(tmp_path / "kernels")
    assert sorted(rate.losses) == [0.002, 0.004, 0.008, 0.016]
    assert (
        "over_control"
        in mt.evaluate(tmp_path / "kernels", control=tmp_path / "control").table.columns
    )

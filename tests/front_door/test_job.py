"""The job as a person types it: objects or folders, frames or files, the same result."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import polars as pl
import pytest

import tfrec_mt as mt
from tests.shop import SHORT, TINY, Shop, shop_rows, shop_schema
from tfrec_mt.adapters.kernel_store import load_kernels
from tfrec_mt.evaluation.metric_row import read_rows
from tfrec_mt.models.model_store import fingerprint

MARKETS = ("us", "de")


def _values(table: pl.DataFrame) -> list[tuple[Any, ...]]:
    return table.rows()


def test_files_and_frames_are_the_same_log(shop: Shop, tmp_path: Path) -> None:
    rows, files = shop_rows(), sorted(shop.clicks.iterdir())
    expected = mt.PreparedDataset(shop.data).manifest
    given: dict[str, Any] = {
        "polars": rows,
        "arrow": rows.to_arrow(),
        "columns": rows.to_dict(as_series=False),
        "pattern": str(shop.clicks / "*.parquet"),
        "text": shop.folder / "clicks.csv",
        "list": files,
    }
    for name, log in given.items():
        found = mt.prepare(log, shop.folder / "schema.json", tmp_path / name)
        assert isinstance(found, mt.PreparedDataset)
        assert (found.manifest.parts, found.manifest.files) == (expected.parts, expected.files), (
            name
        )


def test_a_pandas_frame_is_a_log_and_stays_as_it_was(shop: Shop, tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    rows = pd.DataFrame(shop_rows().to_dict(as_series=False))
    before = rows.copy()
    log = mt.prepare(rows, shop_schema(shop_rows()), tmp_path / "data")
    assert isinstance(log, mt.PreparedDataset)
    assert log.manifest.files == mt.PreparedDataset(shop.data).manifest.files
    scored = mt.load_export(shop.export).score(rows.head(7))
    assert isinstance(scored, pd.DataFrame) and list(scored.columns[:8]) == list(rows.columns)
    assert rows.equals(before)


def test_objects_and_folders_are_the_same(shop: Shop) -> None:
    log, base, model = mt.load(shop.data), mt.load(shop.base), mt.load(shop.kernels)
    assert isinstance(log, mt.PreparedDataset)
    assert isinstance(base, mt.models.OnlineLargeRecommender)
    assert isinstance(model, mt.adapters.AdaptedModel)
    expected = mt.evaluate(shop.kernels).table
    assert set(expected.columns) >= {"zero_shot", "adapted", "lift", "ci_low", "ci_high"}
    assert {*expected.filter(topic="market")["domain"]} == {*MARKETS, "mean"}
    for found in (
        mt.evaluate(model),
        mt.evaluate(model, log),
        mt.evaluate(str(shop.kernels), str(shop.data), base=base),
        mt.evaluate(mt.adapters.AdaptedModel(base, model.kernels), shop.data),
    ):
        assert _values(found.table) == _values(expected)
    alone = mt.evaluate(shop.base).table
    assert "adapted" not in alone.columns and "lift" not in alone.columns
    assert (
        alone["zero_shot"].to_list()
        == expected.filter(pl.col("zero_shot").is_not_null())["zero_shot"].to_list()
    )


def test_measuring_a_base_does_not_freeze_it(shop: Shop) -> None:
    base = mt.load(shop.base)
    mt.evaluate(base)
    assert base.trainable and base.trainable_weights


def test_a_moved_job_finds_its_parts(shop: Shop, tmp_path: Path) -> None:
    shutil.copytree(shop.data.parent, tmp_path / "moved")
    settings = json.loads((tmp_path / "moved" / "kernels" / "run.json").read_text())
    settings |= {"base": "gone/base", "data": "gone/data"}
    (tmp_path / "moved" / "kernels" / "run.json").write_text(json.dumps(settings))
    found = mt.evaluate(tmp_path / "moved" / "kernels")
    assert _values(found.table) == _values(mt.evaluate(shop.kernels).table)


def test_a_keras_model_that_no_run_trained_takes_kernels(shop: Shop, tmp_path: Path) -> None:
    log = mt.load(shop.data)
    keras.utils.set_random_seed(3)
    base = mt.models.MMoE(log.schema, **TINY)
    expected = fingerprint(base)
    model = mt.fine_tune(
        base, log, tmp_path / "run", adapter="lora", rank=2, certainty=0.0, batch_size=64
    )
    assert fingerprint(model.base) == expected
    kept = mt.load(tmp_path / "run" / "base")
    assert isinstance(kept, mt.models.MMoE) and fingerprint(kept) == expected
    again = mt.load(tmp_path / "run")
    assert _values(mt.evaluate(again).table) == _values(mt.evaluate(model).table)
    version = mt.export(model, tmp_path / "export")
    assert mt.load_export(version).topics == {"market": ("de", "us")}


def test_an_export_scores_as_memory_whatever_it_is_made_from(shop: Shop, tmp_path: Path) -> None:
    log = mt.load(shop.data)
    rows = log.requests()
    expected = mt.load_export(shop.export).score(rows)
    assert len(expected) == len(rows)
    version = mt.export(
        mt.load(shop.kernels), tmp_path / "again", metrics=mt.evaluate(shop.kernels)
    )
    found = mt.load_export(version).score(rows)
    np.testing.assert_array_equal(found["ctr"], expected["ctr"])
    assert "auc" in (version / "assets.extra" / "model_card.md").read_text()


def test_rows_of_the_log_itself_are_scored_and_what_is_absent_is_said(shop: Shop) -> None:
    rows = shop_rows(6).with_columns(market=pl.Series(["us", "de", "fr", None, "us", "de"]))
    model = mt.load_export(shop.export)
    with pytest.warns(UserWarning, match="no history_age, history_iid, history_kind.*not clicked"):
        scored = model.score(rows)
    assert scored.columns[: len(rows.columns)] == rows.columns
    assert scored["used_fallback"].to_list() == [[], [], ["market"], ["market"], [], []]
    assert scored["ctr"].is_between(0, 1).all() and (scored["ctcvr"] <= scored["ctr"]).all()


def test_part_of_a_history_is_enough(shop: Shop) -> None:
    rows = mt.load(shop.data).requests().head(50)
    model = mt.load_export(shop.export)
    with pytest.warns(UserWarning, match="no history_age, history_kind"):
        found = model.score(rows.drop("history_age", "history_kind"))
    assert found["ctr"].is_not_nan().all()
    assert (found["ctr"] != model.score(rows)["ctr"]).any()


@pytest.mark.slow
def test_a_domain_goes_and_comes_and_a_version_comes_back(shop: Shop, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shop.export, tmp_path / "export"))
    rows = mt.load(shop.data).requests()
    first = mt.load_export(folder).score(rows)
    german = (rows["market"] == "de").to_numpy()
    assert mt.remove_kernels(folder, ["market/de"]).name == "2"
    without = mt.load_export(folder)
    assert without.topics == {"market": ("us",)}
    scored = without.score(rows)
    np.testing.assert_array_equal(
        scored["ctr"].to_numpy()[~german], first["ctr"].to_numpy()[~german]
    )
    assert (scored["ctr"].to_numpy()[german] != first["ctr"].to_numpy()[german]).any()
    assert mt.add_kernels(folder, mt.load(shop.kernels), ["market/de"]).name == "3"
    np.testing.assert_array_equal(mt.load_export(folder).score(rows)["ctr"], first["ctr"])
    assert mt.roll_back(folder, to=2).name == "4"
    np.testing.assert_array_equal(mt.load_export(folder).score(rows)["ctr"], scored["ctr"])
    assert mt.load_export(folder / "1").topics == {"market": ("de", "us")}


def test_an_evaluation_shows_and_saves_itself(shop: Shop, tmp_path: Path) -> None:
    found = mt.evaluate(shop.kernels, output=tmp_path / "evaluation")
    page = found._repr_html_()
    # of each task all models over all rows, and domain by domain
    assert page.count("<table") == 2 * page.count("<img") == 2 * len(found.tasks) == 4
    assert "data:image/svg+xml;base64," in page and "market" in page
    assert "\n\npart test, split by time" in f"\n\n{found}" and "log_loss" in str(found)
    assert read_rows(tmp_path / "evaluation" / "metrics.json") == list(found.metrics)
    report = (tmp_path / "evaluation" / "report.html").read_text()
    assert "log loss" in report and "Lift per domain" in report and "Reliability" in report
    assert [vars(row) for row in found.metrics] == found.rows.to_dicts()
    alone = mt.evaluate(shop.base)
    assert alone._repr_html_().count("<img") == 2
    alone.save(tmp_path / "alone")
    assert "Lift per domain" not in (tmp_path / "alone" / "report.html").read_text()


def test_the_table_says_what_the_metrics_say(shop: Shop) -> None:
    found = mt.evaluate(shop.kernels)
    for row in found.table.filter(task="ctr").iter_rows(named=True):
        cell = (row["task"], row["topic"], row["domain"])
        for metric in found.metrics:
            if (metric.task, metric.topic, metric.domain) != cell:
                continue
            if metric.metric == "auc" and metric.reference is None:
                assert row[metric.model] == metric.value
            lift = ("auc_lift", "adapted", "zero_shot")
            if (metric.metric, metric.model, metric.reference) == lift:
                ends = (metric.value, metric.ci_low, metric.ci_high)
                assert (row["lift"], row["ci_low"], row["ci_high"]) == ends


def test_a_run_that_was_killed_goes_on_with_the_same_call(shop: Shop, tmp_path: Path) -> None:
    mt.pretrain(shop.data, tmp_path / "base", **SHORT)
    # as if it had been killed before it saved its model
    shutil.rmtree(tmp_path / "base" / "model")
    mt.pretrain(shop.data, tmp_path / "base", **SHORT)
    assert fingerprint(mt.load(tmp_path / "base")) == fingerprint(mt.load(shop.base))


def test_a_control_is_the_base_continued(shop: Shop, tmp_path: Path) -> None:
    base = mt.load(shop.base)
    how: dict[str, Any] = {"parts": ["fresh"], "batch_size": 64, "learning_rate": 0.002}
    control = mt.pretrain(shop.data, tmp_path / "control", init_from=base, **how)
    again = mt.pretrain(shop.data, tmp_path / "control2", init_from=shop.base, **how)
    assert fingerprint(control) == fingerprint(again) != fingerprint(base)
    found = mt.evaluate(shop.kernels, control=control)
    assert found.roles.control == "control" and "control" in found.table.columns
    assert _values(found.table) == _values(mt.evaluate(shop.kernels, control=again).table)


def test_kernels_are_one_folder_per_domain(shop: Shop) -> None:
    base = mt.load(shop.base)
    (layer,) = load_kernels(shop.kernels / "kernels", fingerprint(base))
    assert {*layer.domains} == {*MARKETS}


def test_an_evaluation_is_a_value(shop: Shop) -> None:
    found = mt.evaluate(shop.base)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.part = "train"  # type: ignore[misc]


def test_attach_says_what_fine_tune_trains_behind_a_base_of_ours(
    shop: Shop, tmp_path: Path
) -> None:
    settings = {"parts": ["fresh"], "epochs": 1, "seed": 3}
    base = mt.load(shop.base)
    attached = mt.attach(base, mt.IAK(width=4), {"market": base.topics["market"]})
    one = mt.fine_tune(attached, shop.data, tmp_path / "attached", **settings)  # type: ignore[arg-type]
    two = mt.fine_tune(
        shop.base,
        shop.data,
        tmp_path / "named",
        topics=["market"],
        encoder_units=(4,),
        **settings,  # type: ignore[arg-type]
    )
    assert len(one.kernels) == len(two.kernels) == 1
    for mine, other in zip(one.kernels[0].weights, two.kernels[0].weights, strict=True):
        np.testing.assert_array_equal(mine, other)
    with pytest.raises(mt.DataError, match="labels: expected none, prepared data names its own"):
        mt.evaluate(one, shop.data, labels={"ctr": "clicked"})

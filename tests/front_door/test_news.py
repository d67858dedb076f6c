"""News go through the same door."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tfrec_mt as mt
from tests.news_jobs import NewsJob


def test_prepared_trained_measured_exported(tmp_path: Path) -> None:
    source = mt.sources.newsroom(impressions=600, articles=150, users=60, seed=3)
    log = mt.prepare(
        source, output=tmp_path / "data", vocabulary="learn", learned_pieces=300, history_length=8
    )
    assert isinstance(log, mt.NewsDataset) and log.parts == ("train", "fresh", "test")
    base = mt.pretrain(
        log, tmp_path / "base", title_encoder="bag", auxiliary=["category"], attention_units=8
    )
    assert isinstance(base, mt.models.NewsRecommender) and base.auxiliary == ("category",)
    settings: dict[str, Any] = {"encoder_units": (4,), "batch_size": 16}
    model = mt.fine_tune(base, log, tmp_path / "kernels", topics=["section"], **settings)
    found = mt.evaluate(model)
    assert {"zero_shot", "adapted", "random", "oracle", "lift"} <= set(found.table.columns)
    assert found._repr_html_().count("<img") == 1 and "mrr" in str(found)
    found.save(tmp_path / "evaluation")
    version = mt.export(model, tmp_path / "export")
    rows = pl.DataFrame(
        {
            "history": [["council votes", "cup final"], []],
            "candidates": [["cup final", "new phone", "storm"], ["storm"]],
            "section": ["sports", "nowhere"],
        }
    )
    scored = mt.load_export(version).score(rows)
    assert scored["scores"].list.len().to_list() == [3, 1]
    with pytest.raises(mt.DataError, match="'candidates' with a list of titles"):
        mt.load_export(version).score(rows.drop("candidates"))


def test_settings_of_click_logs_are_refused(news_job: NewsJob, tmp_path: Path) -> None:
    data = mt.load(news_job.data)
    assert isinstance(data, mt.NewsDataset)
    with pytest.raises(mt.SchemaError, match="is for click logs"):
        mt.pretrain(data, tmp_path / "run", model="mmoe")
    with pytest.raises(mt.SchemaError, match="no setting 'units'"):
        mt.pretrain(data, tmp_path / "run", units=(8,))

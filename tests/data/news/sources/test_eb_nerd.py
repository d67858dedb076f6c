from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.data.news.tiny_news import VOCABULARY
from tests.real_folders import real_folder
from tfrec_mt.data.news.news_batch_reader import NewsBatchReader
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.data.news.sources.eb_nerd import EbNerdSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import DataError

START = datetime(2023, 5, 18, 7)


def hours(*numbers: float) -> list[datetime]:
    return [START + timedelta(hours=number) for number in numbers]


def articles(**changes: Any) -> pl.DataFrame:
    """All official columns."""
    columns: dict[str, Any] = {
        "article_id": [3001, 3002, 3003],
        "title": ["Mål i København", "Storm", None],
        "subtitle": ["Sent mål", "", None],
        "last_modified_time": hours(0, 0, 0),
        "premium": [False, True, False],
        "body": ["...", "...", ""],
        "published_time": hours(-5, 0.5, -48),
        "image_ids": [[1], None, []],
        "article_type": ["article_default"] * 3,
        "url": ["https://x"] * 3,
        "ner_clusters": [["københavn", "Oslo"], [], None],
        "entity_groups": [["LOC", "LOC"], [], None],
        "topics": [["Sport"], [], []],
        "category": [142, 118, 118],
        "subcategory": [[1], [], []],
        "category_str": ["sport", "nyheder", "nyheder"],
        "total_inviews": [1, 2, 3],
        "total_pageviews": [1, 2, 3],
        "total_read_time": [1.0, 2.0, 3.0],
        "sentiment_score": [0.9, 0.8, 0.7],
        "sentiment_label": ["Positive", "Negative", "Neutral"],
    }
    schema: dict[str, Any] = {"article_id": pl.Int32, "image_ids": pl.List(pl.Int64)}
    return pl.DataFrame(columns | changes, schema_overrides=schema)


def behaviors(**changes: Any) -> pl.DataFrame:
    """All official columns; the second impression's click was not in view."""
    columns: dict[str, Any] = {
        "impression_id": [11, 12, 13],
        "article_id": [None, 3001, None],
        "impression_time": hours(1, 2, 26),
        "read_time": [1.0, 2.0, 3.0],
        "scroll_percentage": [None, 50.0, None],
        "device_type": [1, 2, 0],
        "article_ids_inview": [[3001, 3002], [3002, 3003], [3003, 3001, 3002]],
        "article_ids_clicked": [[3002], [3002, 3001], [3003, 3002]],
        "user_id": [501, 502, 503],
        "is_sso_user": [True, False, False],
        "gender": [0, None, None],
        "postcode": [1, None, None],
        "age": [40, None, None],
        "is_subscriber": [True, False, None],
        "session_id": [1, 2, 3],
        "next_read_time": [1.0, None, None],
        "next_scroll_percentage": [1.0, None, None],
    }
    schema: dict[str, Any] = {
        "impression_id": pl.UInt32,
        "article_id": pl.Int32,
        "device_type": pl.Int8,
        "article_ids_inview": pl.List(pl.Int32),
        "article_ids_clicked": pl.List(pl.Int32),
        "user_id": pl.UInt32,
    }
    return pl.DataFrame(columns | changes, schema_overrides=schema)


def history(**changes: Any) -> pl.DataFrame:
    columns: dict[str, Any] = {
        "user_id": [502, 501],
        "impression_time_fixed": [hours(-3, -2), hours(-1, 0, 1)],
        "scroll_percentage_fixed": [[1.0, None], [None, 2.0, 3.0]],
        "article_id_fixed": [[3001, 3003], [3002, 3999, 3001]],
        "read_time_fixed": [[1.0, 2.0], [1.0, 2.0, 3.0]],
    }
    schema: dict[str, Any] = {"user_id": pl.UInt32, "article_id_fixed": pl.List(pl.Int32)}
    return pl.DataFrame(columns | changes, schema_overrides=schema)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "ebnerd_demo"
    for part in ("train", "validation", "test"):
        (folder / part).mkdir(parents=True)
        shown = behaviors()
        if part == "test":
            shown = shown.drop("article_ids_clicked", "article_id").with_columns(
                is_beyond_accuracy=pl.lit(False)
            )
        shown.write_parquet(folder / part / "behaviors.parquet")
        history().write_parquet(folder / part / "history.parquet")
    articles().write_parquet(folder / "articles.parquet")
    return folder


def prepared(folder: Path, output: Path, split: str | None = None, **options: Any) -> NewsDataset:
    spec = SplitSpec.parse(split, "time") if split else None
    return prepare_news(EbNerdSource(folder), output, split=spec, vocabulary=VOCABULARY, **options)


def test_official_parts(folder: Path, tmp_path: Path) -> None:
    dataset = prepared(folder, tmp_path / "data")
    assert dataset.parts == ("train", "validation", "test")
    (train,) = scan_impressions(dataset, "train", 10, 3)
    assert train.candidates.tolist() == [1, 2, 2, 3, 3, 1, 2]
    assert train.clicked is not None
    assert train.clicked.tolist() == [False, True, True, False, True, False, True]
    # Of user 501 only clicks before the impression, of 503 none.
    assert train.history.tolist() == [[4, 2, 0], [3, 1, 0], [0, 0, 0]]
    assert train.age_hours[:3].tolist() == [6.0, 0.5, 1.5]
    assert {name: codes.tolist() for name, codes in train.domains.items()} == {
        "device": [1, 2, 0],
        "page": [1, 2, 1],
        "subscriber": [2, 1, 0],
    }
    assert dataset.schema.categories == ("nyheder", "sport")
    assert dataset.schema.sentiments == ("Negative", "Neutral", "Positive")
    assert dataset.schema.entities == ("københavn",)  # Oslo is not in the title
    assert dataset.titles()["title"].to_list() == ["", "Mål i København", "Storm", "", ""]
    assert dataset.manifest.counts["clicked_articles_not_in_view"] == 2  # in train and validation
    assert dataset.manifest.counts["articles_that_are_only_ids"] == 1


def test_the_test_part_has_no_labels_and_no_page(folder: Path, tmp_path: Path) -> None:
    more = articles().with_columns(article_id=pl.Series([3001, 3002, 3999], dtype=pl.Int32))
    more.write_parquet(folder / "test" / "articles.parquet")
    dataset = prepared(folder, tmp_path / "data")
    (test,) = scan_impressions(dataset, "test", 10, 3)
    assert test.clicked is None
    assert test.domains["page"].tolist() == [0, 0, 0]
    assert test.domains["device"].tolist() == [1, 2, 0]
    # Its own articles are read, too.
    assert "articles_that_are_only_ids" not in dataset.manifest.counts
    assert dataset.manifest.counts["articles_described_again"] == 2


def test_the_subtitle_can_be_read(folder: Path, tmp_path: Path) -> None:
    dataset = prepared(folder, tmp_path / "data", text="title_and_subtitle")
    assert dataset.titles()["title"][1] == "Mål i København Sent mål"


def test_one_log_without_articles(folder: Path, tmp_path: Path) -> None:
    dataset = prepared(folder / "train", tmp_path / "data", "train:2,test:1")
    assert [len(dataset.part(part)) for part in dataset.parts] == [2, 1]
    assert dataset.manifest.counts["articles_that_are_only_ids"] == 4
    assert dataset.article_tokens(np.arange(5))[:, :3].tolist() == [[2, 3, 0]] * 5
    assert dataset.schema.categories == ()


def test_what_must_be_there_is_named(folder: Path, tmp_path: Path) -> None:
    part = folder / "train"
    for name in ("impression_id", "impression_time", "user_id", "article_ids_inview"):
        behaviors().drop(name).write_parquet(part / "behaviors.parquet")
        with pytest.raises(DataError, match=rf"behaviors\.parquet: expected the column '{name}'"):
            prepared(folder, tmp_path / "data")
    behaviors().write_parquet(part / "behaviors.parquet")
    for name in ("user_id", "article_id_fixed", "impression_time_fixed"):
        history().drop(name).write_parquet(part / "history.parquet")
        with pytest.raises(DataError, match=rf"history\.parquet: expected the column '{name}'"):
            prepared(folder, tmp_path / "data")
    twice = history(user_id=[501, 501])
    twice.write_parquet(part / "history.parquet")
    with pytest.raises(DataError, match=r"row 2, column 'user_id': expected one row per user"):
        prepared(folder, tmp_path / "data")
    (part / "history.parquet").unlink()
    with pytest.raises(DataError, match=r"history\.parquet does not exist"):
        EbNerdSource(folder)


def test_other_columns_may_be_missing(folder: Path, tmp_path: Path) -> None:
    articles().select("article_id", "title").write_parquet(folder / "articles.parquet")
    for part in ("train", "validation"):
        kept = behaviors().drop("device_type", "is_subscriber", "article_id", "age")
        kept.write_parquet(folder / part / "behaviors.parquet")
    dataset = prepared(folder, tmp_path / "data")
    assert dataset.schema.sentiments == dataset.schema.entities == ()
    (train,) = scan_impressions(dataset, "train", 10)
    assert all(not codes.any() for codes in train.domains.values())
    assert not train.age_hours.any()


def test_damaged_files_are_named(folder: Path, tmp_path: Path) -> None:
    path = folder / "articles.parquet"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"articles\.parquet: not a Parquet file, or cut off"):
        prepared(folder, tmp_path / "data")


@pytest.mark.real_data
def test_the_real_sample_is_read_entirely(tmp_path: Path) -> None:
    real_sample = real_folder("ebnerd_sample")
    dataset = prepared(real_sample, tmp_path / "data", "train:4,test:1")
    raw = pl.read_parquet(real_sample / "behaviors.parquet")
    assert sum(len(dataset.part(part)) for part in dataset.parts) == raw.height == 1_046
    for name, column in (("candidates", "article_ids_inview"), ("clicked", "article_ids_clicked")):
        found = sum(int((getattr(dataset.part(part), name) != 0).sum()) for part in dataset.parts)
        assert found == raw[column].list.len().sum()
    clicks = pl.read_parquet(real_sample / "history.parquet")["article_id_fixed"].list.len().sum()
    assert dataset.manifest.history_clicks == clicks
    (train,) = scan_impressions(dataset, "train", 2_000, 50)
    assert (train.history_length > 0).all()
    assert set(train.domains["device"].tolist()) == {1, 2, 3}
    assert NewsBatchReader(dataset, ["train"], 16, 0).read(0).history.shape == (16, 50)

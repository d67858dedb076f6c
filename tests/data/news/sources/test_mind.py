import json
from pathlib import Path

import numpy as np
import pytest

from tests.data.news.tiny_news import VOCABULARY
from tests.real_folders import real_folder
from tfrec_mt.data.news.news_batch_reader import NewsBatchReader
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.prepare_news import prepare_news
from tfrec_mt.data.news.scan_impressions import scan_impressions
from tfrec_mt.data.news.sources.mind import MindSource
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import DataError

ENTITY = json.dumps(
    [
        {
            "Label": "Oslo",
            "Type": "G",
            "WikidataId": "Q585",
            "Confidence": 1.0,
            "SurfaceForms": ["Oslo"],
        }
    ]
)
NEWS = "\n".join(
    "\t".join(line)
    for line in (
        ("N1", "sports", "football_nfl", 'A "big" goal', "Late.", "https://x", ENTITY, "[]"),
        ("N2", "weather", "weathertop", "Storm", "", "https://x", "[]", ENTITY),
        ("N3", "news", "newsus", "", "", "https://x", "", ""),
    )
)
BEHAVIORS = (
    "1\tU1\t11/11/2019 9:05:58 AM\tN1 N2\tN3-0 N1-1\n"
    "2\tU1\t11/12/2019 12:00:01 AM\tN1 N2\tN2-1 N9-0 N1-0\n"
    "3\tU2\t11/12/2019 6:11:30 PM\t\tN2-0 N3-0\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mind"
    write(folder, "MINDsmall_train")
    write(folder, "MINDsmall_dev", news=NEWS.replace("Storm", "Storm again"))
    write(folder, "MINDlarge_test", behaviors="7\tU3\t11/16/2019 1:00:00 AM\tN1\tN2 N3\n")
    return folder


def write(folder: Path, part: str, news: str = NEWS, behaviors: str = BEHAVIORS) -> None:
    (folder / part).mkdir(parents=True)
    (folder / part / "news.tsv").write_text(news + "\n", encoding="utf-8")
    (folder / part / "behaviors.tsv").write_text(behaviors, encoding="utf-8")


def prepared(folder: Path, output: Path, split: str | None = None) -> NewsDataset:
    spec = SplitSpec.parse(split, "time") if split else None
    return prepare_news(MindSource(folder), output, split=spec, vocabulary=VOCABULARY)


def test_official_parts(folder: Path, tmp_path: Path) -> None:
    dataset = prepared(folder, tmp_path / "data")
    assert dataset.parts == ("train", "validation", "test")
    (train,) = scan_impressions(dataset, "train", 10, 3)
    assert train.impression.tolist() == [1, 2, 3]
    assert train.candidates.tolist() == [3, 1, 2, 4, 1, 2, 3]
    assert train.clicked is not None
    assert train.clicked.tolist() == [False, True, True, False, False, False, False]
    assert train.history.tolist() == [[2, 1, 0], [2, 1, 0], [0, 0, 0]]
    assert train.domains["day_part"].tolist() == [2, 1, 4]
    assert dataset.part("train").time.tolist() == [1573463158, 1573516801, 1573582290]
    (test,) = scan_impressions(dataset, "test", 10, 3)
    assert test.clicked is None
    assert test.candidates.tolist() == [2, 3]
    # An article that two parts describe is that of the first.
    assert dataset.titles()["title"].to_list() == ["", 'A "big" goal', "Storm", "", ""]
    assert dataset.schema.categories == ("news", "sports", "weather")
    assert dataset.schema.sentiments == ()
    assert dataset.schema.entities == ("Oslo",)
    assert dataset.article_entities(dataset.part("train").candidates[:2]).tolist() == [[0], [1]]
    assert dataset.manifest.counts == {
        "articles_described_again": 6,
        "articles_that_are_only_ids": 1,
        "articles_without_title": 1,
        "candidates_that_are_only_ids": 2,
        "impressions_without_click": 2,
        "impressions_without_history": 2,
        "impressions_without_labels": 1,
    }


def test_one_log_is_divided(tmp_path: Path) -> None:
    write(tmp_path, "all")
    dataset = prepared(tmp_path / "all", tmp_path / "data", "train:2,test:1")
    assert [len(dataset.part(part)) for part in dataset.parts] == [2, 1]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("behaviors.tsv", "N2-0 N3-0", "N2-0 N3", r"behaviors\.tsv, row 3, .*labels -0 or -1"),
        ("behaviors.tsv", "9:05:58 AM", "25:05:58", r"row 1, column 'time': expected a time"),
        ("behaviors.tsv", "2\tU1", "two\tU1", r"row 2, column 'impression_id'"),
        ("behaviors.tsv", "\tN1 N2\tN3", "\tN3", r"row 1: expected 5 fields, got 4"),
        ("news.tsv", "\t[]\n", "\t[]\tmore\n", r"news\.tsv, row 1: expected 8 fields, got 9"),
        ("news.tsv", '[{"Label"', '[{"Label', r"news\.tsv, row 1, column 'title_entities'"),
    ],
)
def test_bad_lines_are_named(
    folder: Path, tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    path = folder / "MINDsmall_train" / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        prepared(folder, tmp_path / "data")


def test_missing_files_are_named(folder: Path, tmp_path: Path) -> None:
    (folder / "MINDsmall_dev" / "news.tsv").unlink()
    with pytest.raises(DataError, match=r"MINDsmall_dev.news\.tsv does not exist"):
        MindSource(folder)
    write(folder, "train")
    with pytest.raises(DataError, match="expected one folder for the part 'train'"):
        MindSource(folder)
    with pytest.raises(DataError, match="does not exist; expected a folder"):
        MindSource(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="train, MINDsmall_train, MINDlarge_train; found neither"):
        MindSource(tmp_path / "empty")


@pytest.mark.real_data
def test_the_real_sample_is_read_entirely(tmp_path: Path) -> None:
    real_sample = real_folder("mind_small_sample")
    source = MindSource(real_sample)
    assert source.articles().num_rows == 2_000
    dataset = prepared(real_sample, tmp_path / "data", "train:4,test:1")
    assert sum(len(dataset.part(part)) for part in dataset.parts) == 5_000
    candidates = sum(record.candidates for record in dataset.manifest.parts.values())
    text = (real_sample / "behaviors.tsv").read_text(encoding="utf-8")
    assert candidates == sum(len(line.split("\t")[4].split()) for line in text.splitlines())
    clicks = sum(np.count_nonzero(np.asarray(dataset.part(part).clicked)) for part in dataset.parts)
    assert clicks == text.count("-1 ") + text.count("-1\n")
    assert "news" in dataset.schema.categories and "sports" in dataset.schema.categories
    counts = dataset.manifest.counts
    assert counts["impressions_without_history"] == 107
    # Titles and impressions are independent samples, so most candidates are only ids.
    assert counts["articles_that_are_only_ids"] == dataset.articles - 2_001
    assert NewsBatchReader(dataset, ["train"], 16, 0).read(0).history.shape == (16, 50)

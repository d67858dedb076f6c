import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.manifest import kind_of
from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.data.news.news_spec import NewsSpec
from tfrec_mt.schema import DataError, SchemaError, Topic
from tfrec_mt.storage.description import write_description


@pytest.fixture
def copy(newsroom: NewsDataset, tmp_path: Path) -> Path:
    return Path(shutil.copytree(newsroom.path, tmp_path / "copy"))


def test_a_whole_dataset_verifies(newsroom: NewsDataset, copy: Path) -> None:
    dataset = NewsDataset(copy)
    dataset.verify()
    assert dataset.fingerprint == newsroom.fingerprint
    assert kind_of(copy) == "news"


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "train" / "user.npy").unlink()
    with pytest.raises(DataError, match=r"user\.npy: the manifest lists it"):
        NewsDataset(copy)


def test_a_cut_file_is_named(copy: Path) -> None:
    path = copy / "train" / "candidates.npy"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match=r"candidates\.npy: expected"):
        NewsDataset(copy)


def test_a_column_of_another_length_is_named(copy: Path) -> None:
    np.save(copy / "test" / "user.npy", np.zeros(3, np.int64))
    with pytest.raises(DataError, match=r"user\.npy: expected \d+ rows, got shape \[3\]"):
        NewsDataset(copy)


def test_a_changed_file_is_found_by_its_hash(copy: Path) -> None:
    path = copy / "articles" / "tokens.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"tokens\.npy: expected the content that manifest\.json"):
        NewsDataset(copy)


def test_other_folders_are_told_apart(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a prepared dataset"):
        NewsDataset(tmp_path)
    with pytest.raises(DataError, match=r"manifest\.json"):
        PreparedDataset(copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    for changes, message in (
        ({"kind": "rows"}, "expected a prepared news dataset"),
        ({"format_version": 9}, "written in the newer format 9"),
        ({"articles": "many"}, "articles"),
        ({"files": {"../secret": "x"}}, "lies outside of"),
    ):
        write_description(copy / "manifest.json", manifest | changes)
        with pytest.raises(DataError, match=message):
            NewsDataset(copy)


def test_an_unknown_part_is_named(newsroom: NewsDataset) -> None:
    with pytest.raises(DataError, match="did you mean 'train'"):
        newsroom.part("trian")


def test_the_spec_survives_json() -> None:
    spec = NewsSpec(
        vocabulary_size=9,
        lowercase=True,
        categories=("sport", "kultur"),
        entities=("Mette Frederiksen", "Ærø"),
        topics=(Topic(name="section", domains=("front",)),),
    )
    assert NewsSpec.from_json(spec.to_json()) == spec
    assert spec.topic("section").domains == ("front",)
    with pytest.raises(SchemaError, match="did you mean 'section'"):
        spec.topic("sektion")


def test_a_spec_that_contradicts_itself() -> None:
    good = {"vocabulary_size": 9, "lowercase": True}
    for wrong in (
        {"max_title_length": 2},
        {"history_length": 0},
        {"categories": ("a", "a")},
        {"topics": (Topic(name="a", domains=("x",)), Topic(name="a", domains=("y",)))},
    ):
        with pytest.raises(SchemaError):
            NewsSpec(**{**good, **wrong})  # type: ignore[arg-type]
    with pytest.raises(SchemaError, match="colour"):
        NewsSpec.from_json('{"vocabulary_size": 9, "lowercase": true, "colour": 1}')
    with pytest.raises(SchemaError, match="does not exist"):
        NewsSpec.load("nowhere.json")

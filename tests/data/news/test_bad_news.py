"""News and splits that cannot be: each is named."""

from pathlib import Path
from typing import Any

import pytest

from tests.data.news.prepared_news import DAYS, prepared
from tests.data.news.tiny_news import TinyNews, articles, histories, impressions
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import DataError, SchemaError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clicked": [[0, 1]] * 6}, r"tiny, row 1, column 'clicked': expected one value per"),
        (
            {"clicked": [[0, 1, 0], [1, 2], [0, 0], [1, 1], [1, 0, 1, 0], [0, 1]]},
            r"tiny, row 2, column 'clicked': expected 0 or 1",
        ),
        (
            {"truth": [[0.1, 0.2, 0.3], [0.5, 0.4], [0.1, 1.1], [0.9] * 2, [0.5] * 4, [0.3] * 2]},
            r"tiny, row 3, column 'truth': expected a probability",
        ),
        ({"user": [7, None, 9, 9, 9, 7]}, r"tiny, row 2, column 'user'"),
        ({"time": [1.5] * 6}, "expected whole seconds"),
        ({"history": [0, 1, 3, 0, 0, 0]}, r"row 3, column 'history': expected a row of the 3"),
        ({"candidates": [1, 2, 3, 4, 5, 6]}, "expected lists"),
        ({"candidates": [["a", "b", "c"], *[["a", "b"]] * 5]}, "expected article ids of"),
        ({"candidates": [[None, 20, 30], *[[10, 20]] * 5]}, "1 missing ones"),
    ],
)
def test_bad_impressions_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    columns = impressions(**changes)
    if "candidates" in changes:
        columns = {k: v for k, v in columns.items() if k not in ("clicked", "truth")}
    with pytest.raises(DataError, match=message):
        prepared(tmp_path, TinyNews(impression_columns=columns))


@pytest.mark.parametrize("name", ["impression", "user", "time", "history", "candidates", "section"])
def test_missing_columns_are_named(tmp_path: Path, name: str) -> None:
    columns = {key: value for key, value in impressions().items() if key != name}
    with pytest.raises(DataError, match=f"'{name}'"):
        prepared(tmp_path, TinyNews(impression_columns=columns))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"times": [[1, 2], [], [1, 2, 3, 4, 5]]}, "histories, row 1: expected one time per"),
        ({"times": [[1, 2, 3], [], [1, 2, 3, 2, 5]]}, "histories, row 3: expected times that"),
        ({"times": [[1, 2, None], [], [1, 2, 3, 4, 5]]}, "none missing"),
    ],
)
def test_bad_histories_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepared(tmp_path, TinyNews(history_columns=histories(**changes)))


def test_bad_articles_are_named(tmp_path: Path) -> None:
    twice = articles(article=[10, 20, 30, 40, 50, 10])
    with pytest.raises(DataError, match="id 10 comes more than once"):
        prepared(tmp_path, TinyNews(article_columns=twice))
    with pytest.raises(DataError, match="1 of 6 have no id"):
        prepared(tmp_path, TinyNews(article_columns=articles(article=[None, 2, 3, 4, 5, 6])))
    columns = {key: value for key, value in articles().items() if key != "title"}
    with pytest.raises(DataError, match="expected the column 'title'"):
        prepared(tmp_path, TinyNews(article_columns=columns))


def test_splits_that_do_not_fit(tmp_path: Path) -> None:
    divided = TinyNews(part_names=("train", "test"))
    with pytest.raises(SchemaError, match="one log; expected a split"):
        prepared(tmp_path, split=divided.default_split)
    with pytest.raises(SchemaError, match="comes divided into train, test"):
        prepared(tmp_path, divided, split=DAYS)
    with pytest.raises(SchemaError, match="expected no other split, got test:1,train:1"):
        prepared(tmp_path, divided, split=SplitSpec.given(["test", "train"]))
    with pytest.raises(SchemaError, match="use 'random' instead"):
        prepared(tmp_path, split=SplitSpec.parse("train:1,test:1", "request"))
    with pytest.raises(SchemaError, match="'histories' is taken"):
        prepared(tmp_path, split=SplitSpec.parse("train:1,histories:1", "days"))
    with pytest.raises(DataError, match="leaves part 'train' empty"):
        prepared(tmp_path, split=SplitSpec.parse("train:0.001,test:1000", "time"))

"""Articles with vectors: looked up, updated, stored."""

from pathlib import Path

import numpy as np
import pytest

from tfrec_mt.schema import DataError
from tfrec_mt.serving.retrieval.article_vectors import ArticleVectors

OLD = ArticleVectors(("a", "b", "æ"), np.arange(6, dtype=np.float32).reshape(3, 2))
NEW = ArticleVectors(("c", "b"), np.array([[10, 11], [12, 13]], np.float32))


def test_newer_vectors_replace_older_ones_and_the_rest_stays() -> None:
    found = OLD.updated(NEW)
    assert found.ids == ("a", "b", "æ", "c")
    np.testing.assert_array_equal(found.vectors, [[0, 1], [12, 13], [4, 5], [10, 11]])
    np.testing.assert_array_equal(OLD.vectors[1], [2, 3])
    np.testing.assert_array_equal(found.places(["c", "z", "a"]), [3, -1, 0])


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    for name, content in OLD.files().items():
        (tmp_path / name).write_bytes(content)
    found = ArticleVectors.load(tmp_path)
    assert found.ids == OLD.ids
    np.testing.assert_array_equal(found.vectors, OLD.vectors)
    (tmp_path / "vectors.npy").write_bytes(b"no")
    with pytest.raises(DataError, match="expected the vectors of articles"):
        ArticleVectors.load(tmp_path)


def test_what_is_no_list_of_articles_is_refused() -> None:
    vectors = np.zeros((2, 3), np.float32)
    with pytest.raises(DataError, match="article 'x' occurs twice"):
        ArticleVectors(("x", "x"), vectors)
    with pytest.raises(DataError, match="one or more articles, got 0"):
        ArticleVectors((), vectors[:0])
    with pytest.raises(DataError, match="got 1 articles"):
        ArticleVectors(("x",), vectors)
    with pytest.raises(DataError, match="width 2, got 3"):
        OLD.updated(ArticleVectors(("x", "y"), vectors))

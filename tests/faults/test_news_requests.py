"""What a person asks of a news export that does not fit together."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfrec_mt as mt
from tests.serving.loopback import defaults
from tfrec_mt.schema import DataError
from tfrec_mt.serving.input_checks import refusal

WIDTH = 32


@pytest.fixture(scope="module")
def loaded(exported_news: Path) -> Any:
    return mt.load_export(exported_news)


def _ask(loaded: Any, signature: str, asked: dict[str, Any]) -> dict[str, np.ndarray]:
    inputs = defaults(loaded.path, signature) | asked
    answer = loaded.signatures[signature](**{n: tf.constant(v) for n, v in inputs.items()})
    return {name: values.numpy() for name, values in answer.items()}


def _texts(rows: int, titles: int, seed: int) -> np.ndarray:
    words = np.array(["storm", "match", "vote", "film", "price"], object)
    drawn = np.random.default_rng(seed).integers(0, len(words), (rows, titles, 2))
    return np.array([[" ".join(words[x]) for x in row] for row in drawn], object)


def _vectors(rows: int, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, count, WIDTH)).astype(np.float32)


@pytest.mark.fault_case("51")
@pytest.mark.fault_case("52")
def test_what_does_not_fit_is_named(loaded: Any) -> None:
    titles = {"history": _texts(3, 4, 0), "candidates": _texts(3, 5, 1)}
    vectors = {"history_vectors": _vectors(3, 4, 2), "catalogue": _vectors(1, 9, 3)}
    topic = next(iter(loaded.topics))
    ages = np.ones((3, 4), np.float32)
    for signature, asked, wrong, said in (
        ("score_impression", titles, {"candidates": _texts(2, 5, 1)}, "candidates 2 beside 3"),
        ("score_impression", titles, {topic: np.array(["a", "b"], object)}, f"{topic} 2 beside 3"),
        ("score_impression", titles, {"age_hours": ages}, "age_hours 3 x 4 for 3 x 5"),
        ("score_impression", titles, {"history": _texts(3, 4, 0)[0]}, "history of shape [?,?]"),
        ("recommend", vectors, {"catalogue": _vectors(2, 9, 3)}, "catalogue 2 beside 3"),
        ("recommend", vectors, {"catalogue": _vectors(3, 9, 3)[..., :7]}, "got [3,9,7]"),
        ("encode_users", {}, {"history_vectors": _vectors(3, 4, 2)[0]}, "history_vectors of shape"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            _ask(loaded, signature, asked | wrong)
        assert said in refusal(caught.value)


def test_candidates_of_one_row_are_for_all(loaded: Any) -> None:
    history, candidates = _texts(3, 4, 0), _texts(1, 5, 1)
    one = _ask(loaded, "score_impression", {"history": history, "candidates": candidates})
    repeated = {"history": history, "candidates": np.repeat(candidates, 3, axis=0)}
    every = _ask(loaded, "score_impression", repeated)
    np.testing.assert_array_equal(one["scores"], every["scores"])


@pytest.mark.fault_case("55")
def test_no_score_is_none(loaded: Any) -> None:
    titles = {"history": _texts(2, 4, 0), "candidates": _texts(2, 3, 1)}
    ages = np.array([[0, np.nan, np.inf], [1, 2, 3]], np.float32)
    assert np.isfinite(
        _ask(loaded, "score_impression", titles | {"age_hours": ages})["scores"]
    ).all()
    vectors = {"history_vectors": _vectors(2, 4, 2), "catalogue": _vectors(1, 9, 3)}
    for name in vectors:
        broken = vectors[name].copy()
        broken[0, 1, 5] = np.nan
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            _ask(loaded, "recommend", vectors | {name: broken})
        assert "expected finite numbers" in refusal(caught.value)
    with pytest.raises(DataError, match="inputs missing or unknown: history"):
        loaded.predict({"candidates": _texts(2, 3, 1)} | _others(loaded))


def _others(loaded: Any) -> dict[str, Any]:
    return {n: v for n, v in defaults(loaded.path, "score_impression").items()}

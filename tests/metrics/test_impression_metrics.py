import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import ndcg_score, roc_auc_score

from tfrec_mt.metrics import IMPRESSION_METRICS, impression_metrics
from tfrec_mt.metrics.impression_metrics import ndcg
from tfrec_mt.metrics.ranked_impressions import RankedImpressions
from tfrec_mt.schema import DataError, SchemaError

Impressions = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]


def random_impressions(seed: int, levels: int) -> Impressions:
    """Impressions of 1 to 20 candidates, scores of few levels so that there are ties."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 21, 300)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    clicked = (rng.random(offsets[-1]) < rng.choice([0.0, 0.1, 0.4, 1.0], 300).repeat(sizes)) * 1
    scores = rng.integers(-levels, levels, offsets[-1]) / 3.0
    return clicked, scores, offsets


def one_by_one(impressions: Impressions) -> list[tuple[Any, Any]]:
    clicked, scores, offsets = impressions
    return [(clicked[a:b], scores[a:b]) for a, b in itertools.pairwise(offsets)]


def mean_over_orders(clicked: Any, scores: Any, metric: Any) -> float:
    """A metric of the ranked labels, averaged over random orders of tied candidates."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(4_000):
        order = np.lexsort((rng.random(len(scores)), -scores))
        found.append(metric(clicked[order]))
    return float(np.mean(found))


def mind_mrr(ranked: Any) -> float:
    return float((ranked / np.arange(1, len(ranked) + 1)).sum() / ranked.sum())


def mind_ndcg(ranked: Any, k: int) -> float:
    def dcg(labels: Any) -> float:
        top = labels[:k]
        return float(((2.0**top - 1) / np.log2(np.arange(len(top)) + 2)).sum())

    return dcg(ranked) / dcg(np.sort(ranked)[::-1])


@pytest.mark.parametrize("levels", [2, 10, 10_000])
def test_equals_scikit_learn_impression_by_impression(levels: int) -> None:
    impressions = random_impressions(levels, levels)
    found = impression_metrics(*impressions)
    counted = {"auc": 0, "ndcg": 0}
    for place, (clicked, scores) in enumerate(one_by_one(impressions)):
        if 0 < clicked.sum() < len(clicked):
            counted["auc"] += 1
            assert found["auc"][place] == pytest.approx(roc_auc_score(clicked, scores), abs=1e-12)
        else:
            assert math.isnan(found["auc"][place])
        if not clicked.any():
            assert all(math.isnan(found[name][place]) for name in IMPRESSION_METRICS)
        elif len(clicked) > 1:  # scikit-learn has no nDCG of one candidate
            counted["ndcg"] += 1
            for k in (5, 10):
                wanted = ndcg_score([clicked], [scores], k=k)
                assert found[f"ndcg@{k}"][place] == pytest.approx(wanted, abs=1e-12)
    assert min(counted.values()) > 100


def test_equals_the_mind_script_where_nothing_is_tied() -> None:
    clicked, _, offsets = random_impressions(5, 2)
    scores = np.random.default_rng(1).normal(size=len(clicked))
    found = impression_metrics(clicked, scores, offsets)
    for place, (labels, values) in enumerate(one_by_one((clicked, scores, offsets))):
        if labels.any():
            ranked = labels[np.argsort(values)[::-1]]
            assert found["mrr"][place] == pytest.approx(mind_mrr(ranked), abs=1e-12)
            assert found["ndcg@5"][place] == pytest.approx(mind_ndcg(ranked, 5), abs=1e-12)
            assert found["ndcg@10"][place] == pytest.approx(mind_ndcg(ranked, 10), abs=1e-12)


def test_ties_count_as_the_mean_over_their_orders() -> None:
    clicked = np.array([1, 0, 0, 1, 0, 1, 0])
    scores = np.array([0.5, 0.5, 0.5, 0.2, 0.2, 0.9, 0.1])
    found = impression_metrics(clicked, scores, [0, 7])
    assert found["mrr"][0] == pytest.approx(mean_over_orders(clicked, scores, mind_mrr), abs=0.01)
    assert found["ndcg@5"][0] == pytest.approx(
        mean_over_orders(clicked, scores, lambda ranked: mind_ndcg(ranked, 5)), abs=0.01
    )


def test_values_by_hand() -> None:
    # The clicked candidate is second of three; in the second impression all are alike.
    found = impression_metrics([0, 1, 0, 1, 0], [3.0, 2.0, 1.0, 7.0, 7.0], [0, 3, 5])
    second = 1 / math.log2(3)
    assert found["auc"].tolist() == [0.5, 0.5]
    assert found["mrr"].tolist() == [0.5, 0.75]
    assert found["ndcg@5"].tolist() == pytest.approx([second, (1 + second) / 2])


def test_no_impressions_have_no_values() -> None:
    assert all(not len(v) for v in impression_metrics([], [], [0]).values())


def test_a_position_beyond_k_earns_nothing() -> None:
    ranked = RankedImpressions.create([0, 0, 1], [3.0, 2.0, 1.0], [0, 3])
    assert ndcg(ranked, 2).tolist() == [0.0]
    with pytest.raises(SchemaError, match="at least 1, got 0"):
        ndcg(ranked, 0)


@pytest.mark.parametrize(
    ("clicked", "scores", "offsets", "message"),
    [
        ([0, 2], [0.0, 1.0], [0, 2], "expected 0 or 1, got 2 at row 1"),
        ([0, 1], [0.0, math.nan], [0, 2], "expected finite, got nan at row 1"),
        ([0, 1], [0.0], [0, 2], "expected 2 rows"),
        ([0, 1], [0.0, 1.0], [0, 1], "ascend from 0 to 2"),
        ([0, 1], [0.0, 1.0], [0, 1, 1, 2], "ascend from 0 to 2"),
        ([0, 1], [0.0, 1.0], [0.0, 2.0], "whole numbers"),
        ([0, 1], [0.0, 1.0], [], "ascend"),
    ],
)
def test_bad_input_is_named(clicked: Any, scores: Any, offsets: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        impression_metrics(clicked, scores, offsets)

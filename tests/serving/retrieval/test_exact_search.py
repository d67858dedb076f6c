"""Recall against a search through everything."""

import numpy as np

from tfrec_mt.serving.retrieval.exact_search import recall_at_k

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(50, 6)).astype(np.float32)
QUERIES = RNG.normal(size=(8, 6)).astype(np.float32)


def test_recall_counts_what_a_sort_would_find() -> None:
    best = np.argsort(-(QUERIES @ VECTORS.T), axis=1)
    assert recall_at_k(best[:, :5], QUERIES, VECTORS) == 1.0
    half = np.concatenate([best[:, :2], best[:, -2:]], axis=1)
    assert recall_at_k(half, QUERIES, VECTORS) == 0.5
    assert recall_at_k(best[:, -5:], QUERIES, VECTORS) == 0.0


def test_equal_articles_stand_for_each_other() -> None:
    twice = np.concatenate([VECTORS, VECTORS])
    best = np.argmax(QUERIES @ VECTORS.T, axis=1)[:, np.newaxis]
    assert recall_at_k(best, QUERIES, twice) == 1.0
    assert recall_at_k(best + 50, QUERIES, twice) == 1.0


def test_one_article_found_twice_counts_once() -> None:
    best = np.argmax(QUERIES @ VECTORS.T, axis=1)[:, np.newaxis]
    assert recall_at_k(np.repeat(best, 2, axis=1), QUERIES, VECTORS) == 0.5

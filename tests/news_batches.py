"""A small spec of news, random batches, and small models."""

from typing import Any

import keras
import numpy as np

from tfrec_mt.data.news.news_batch import NewsBatch
from tfrec_mt.data.news.news_spec import NewsSpec
from tfrec_mt.models.news.bert_title_encoder import BertTitleEncoder
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.title_encoder import TitleEncoder
from tfrec_mt.schema import Topic

PIECES = 40


def small_spec() -> NewsSpec:
    """Three categories, two sentiments, four entities, one topic."""
    return NewsSpec(
        vocabulary_size=PIECES,
        lowercase=True,
        max_title_length=16,
        history_length=6,
        categories=("sport", "crime", "music"),
        sentiments=("negative", "positive"),
        entities=("a", "b", "c", "d"),
        topics=(Topic(name="device", domains=("phone", "desktop")),),
    )


def random_news(
    impressions: int = 6, titles: int = 24, length: int = 8, history: int = 6, seed: int = 0
) -> NewsBatch:
    """Random titles of 3 to `length` word pieces; the first user has no history."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, length + 1, titles)
    lengths[:2] = 2, length
    tokens = rng.integers(5, PIECES, (titles, length)).astype(np.int32)
    tokens[:, 0] = 2
    tokens[np.arange(titles), lengths - 1] = 3
    tokens[np.arange(length) >= lengths[:, np.newaxis]] = 0
    clicks = rng.integers(0, history + 1, impressions).astype(np.int32)
    clicks[:2] = 0, history
    places = rng.integers(1, titles * 3 // 4, (impressions, history)).astype(np.int32)
    places[np.arange(history) >= clicks[:, np.newaxis]] = 0
    mask = rng.random((impressions, 5)) < 0.8
    mask[:, :2] = True
    candidates = np.stack([rng.permutation(titles - 1)[:5] + 1 for _ in range(impressions)])
    in_history = np.zeros(titles, np.bool_)
    in_history[places[places > 0]] = True
    return NewsBatch(
        tokens=tokens,
        article=np.arange(titles, dtype=np.int32),
        in_history=in_history,
        category=rng.integers(0, 4, titles).astype(np.int32),
        sentiment=rng.integers(0, 3, titles).astype(np.int32),
        entities=(rng.random((titles, 4)) < 0.3).astype(np.float32),
        history=places,
        history_length=clicks,
        candidates=np.where(mask, candidates, 0).astype(np.int32),
        candidate_mask=mask,
        age_hours=(rng.random((impressions, 5)) * 50).astype(np.float32),
        domains={"device": rng.integers(0, 3, impressions).astype(np.int32)},
        user=np.arange(impressions, dtype=np.int64),
        impression=np.arange(impressions, dtype=np.int64),
    )


def small_news_model(
    title_encoder: TitleEncoder | None = None, seed: int = 0, **settings: Any
) -> NewsRecommender:
    """A model over `small_spec`; by default with a tiny BERT."""
    keras.utils.set_random_seed(seed)
    encoder = title_encoder or BertTitleEncoder(PIECES, max_sequence_length=16, name="titles")
    if title_encoder is None:
        # word pieces as small as a new BERT's leave all titles alike, and clicks without gradient
        table = encoder.weights[0]
        table.assign(np.random.default_rng(seed).normal(size=table.shape))
    settings = {"attention_units": 7, **settings}
    return NewsRecommender(small_spec(), encoder, name="news", **settings)

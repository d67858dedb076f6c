"""A batch of news as the features that models read."""

import dataclasses
from typing import Any

import numpy as np

from tfrec_mt.data.batch import Arrays
from tfrec_mt.data.news.news_batch import NewsBatch


def news_features(batch: NewsBatch) -> Arrays:
    """All arrays of a batch by name, topics among them."""
    fields: dict[str, Any] = {
        field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)
    }
    return fields.pop("domains") | fields


def pair_features(batch: NewsBatch, vectors: Any) -> tuple[Arrays, Arrays]:
    """Features with domains, and clicks, for each pair of user and candidate.

    Kernels are trained on pairs, `[B * C]`; candidates that are not there are of no domain, so
    that no kernel learns from them.

    Args:
      batch: The batch.
      vectors: Its titles' vectors `[U, D]`, which a frozen base does not change.

    Returns:
      Features whose topics are `[B * C]`, and labels `{"ctr": float32 [B * C]}`.
    """
    mask = batch.candidate_mask
    features: Arrays = {
        "vectors": vectors,
        "history": batch.history,
        "history_length": batch.history_length,
        "candidates": batch.candidates,
        "candidate_mask": mask,
        "age_hours": batch.age_hours,
    }
    for topic, codes in batch.domains.items():
        features[topic] = np.where(mask, codes[:, np.newaxis], 0).astype(np.int32).ravel()
    clicks = np.zeros(mask.shape, np.float32)
    clicks[:, 0] = 1.0
    return features, {"ctr": clicks.ravel()}

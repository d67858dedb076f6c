"""`untrained_model`: a frozen base with kernels as they are before their first step."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.knowledge_view import KnowledgeView
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.training.kept_knowledge import knowledge_of
from tfrec_mt.training.train_loop import Reader

_VIEWED_ROWS = 1 << 14


def untrained_model(
    base: RankingModel | NewsRecommender,
    topics: Sequence[str],
    adapter: str,
    adapter_settings: Mapping[str, Any],
    reader: Reader,
    train: TrainConfig,
) -> AdaptedModel:
    """A base with kernels of all domains of some topics, and their view of its knowledge.

    Args:
      base: The base; it is frozen.
      topics: Names of the topics.
      adapter: Name in `ADAPTERS`.
      adapter_settings: Its arguments apart from topic, domains and widths.
      reader: Gives the base's knowledge or what it is computed from, whose principal axes are those
        of the first batches.
      train: Settings of the training, for its seed and the rows of a batch.
    """
    widths = dict.fromkeys(base.tasks, base.knowledge_width)
    view = _view(base, widths, reader, train.batch_size)
    keras.utils.set_random_seed(train.seed)
    kernels = [
        ADAPTERS[adapter](
            topic=topic,
            domains=base.schema.topic(topic).domains,
            knowledge_widths=widths,
            seen_widths=view.seen_widths,
            **adapter_settings,
        )
        for topic in topics
    ]
    directions = base.directions()
    if directions is not None:
        for layer in kernels:
            layer.align({task: np.array(values) for task, values in directions.items()})
    return AdaptedModel(base, kernels, view)


def _view(
    base: RankingModel | NewsRecommender,
    widths: Mapping[str, int],
    reader: Reader,
    batch_size: int,
) -> KnowledgeView:
    steps = min(-(-_VIEWED_ROWS // batch_size), reader.steps_per_epoch)
    batches = [reader.read(step, step + 1).features for step in range(steps)]
    # batches of news differ in shape
    forward = tf.function(lambda features: knowledge_of(base, features), reduce_retracing=True)
    found = [
        {task: h.numpy() for task, h in forward({n: v[0] for n, v in batch.items()}).items()}
        for batch in batches
    ]
    view = KnowledgeView(widths, name="view")
    for task in base.tasks:
        view.fit(task, np.concatenate([knowledge[task] for knowledge in found]))
    return view

"""`untrained_model`: a frozen base with kernels before their first training step."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.knowledge_view import KnowledgeView
from tfrec_mt.configs.train import TrainConfig
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.schema import SchemaError
from tfrec_mt.training.kept_knowledge import knowledge_of
from tfrec_mt.training.train_loop import Reader

_VIEWED_ROWS = 1 << 14


def untrained_model(
    base: BaseModel,
    topics: Mapping[str, Sequence[str]],
    adapter: str,
    adapter_settings: Mapping[str, Any],
    reader: Reader,
    train: TrainConfig,
) -> AdaptedModel:
    """A base with kernels of all domains of some topics, and their view of its knowledge.

    Args:
      base: The base; it is frozen.
      topics: Domains of each topic.
      adapter: Name in `ADAPTERS`.
      adapter_settings: Its arguments apart from topic, domains and widths.
      reader: Batches, the first of which give the principal axes of the base's knowledge.
      train: Settings of the training, for its seed and batch size.
    """
    view = _view(base, reader, train.batch_size)
    keras.utils.set_random_seed(train.seed)
    kernels = untrained_kernels(base, topics, adapter, adapter_settings, view.seen_widths)
    return AdaptedModel(base, kernels, view)


def untrained_kernels(
    base: BaseModel,
    topics: Mapping[str, Sequence[str]],
    adapter: str,
    adapter_settings: Mapping[str, Any],
    seen_widths: Mapping[str, int] | None = None,
) -> list[DomainKernels]:
    """Kernels of some topics for a base, without a view; see `untrained_model`.

    Raises:
      SchemaError: The adapter does not fit the base.
    """
    check_head(adapter, base)
    kernels = [
        ADAPTERS[adapter](
            topic=topic,
            domains=tuple(domains),
            knowledge_widths=base.knowledge_widths,
            seen_widths=seen_widths,
            name=f"kernels_{place}",  # the same when a run is resumed in the process that began it
            **adapter_settings,
        )
        for place, (topic, domains) in enumerate(topics.items())
    ]
    if base.head is not None:
        directions = {task: np.array(u) for task, u in base.head.directions().items()}
        for layer in kernels:
            layer.align(directions)
    return kernels


def check_head(adapter: str, base: BaseModel) -> None:
    """Checks that kernels of a kind can be attached to a base.

    Raises:
      SchemaError: The kernels need a linear head, and the base has none.
    """
    if base.head is None and ADAPTERS[adapter].needs_directions:
        raise SchemaError(
            f"adapter {adapter!r} needs a base whose logits are linear in its knowledge, "
            f"{type(base).__name__} is none; choose another adapter"
        )


def _view(base: BaseModel, reader: Reader, batch_size: int) -> KnowledgeView:
    steps = min(-(-_VIEWED_ROWS // batch_size), reader.steps_per_epoch)
    batches = [reader.read(step, step + 1).features for step in range(steps)]
    # batches of news differ in shape
    forward = tf.function(lambda features: knowledge_of(base, features), reduce_retracing=True)
    found = [
        {task: h.numpy() for task, h in forward({n: v[0] for n, v in batch.items()}).items()}
        for batch in batches
    ]
    view = KnowledgeView(base.knowledge_widths, name="view")
    for task in base.tasks:
        view.fit(task, np.concatenate([knowledge[task] for knowledge in found]))
    return view

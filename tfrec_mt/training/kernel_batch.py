"""`KernelBatch`: what a frozen base says of a batch, and what kernels may add to it."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.training.kept_knowledge import knowledge_of

# What one topic's kernels add to each row by task: to its logit `[B, 1]` where that is linear in
# knowledge, else to its knowledge `[B, D]`.
Added = Mapping[str, Any]


class KernelBatch:
    """One mixed batch, which passes the base once for all kernels of all topics.

    Args:
      model: Base and kernels.
      features: The batch: what the base reads, or its kept knowledge.
      beside: The base with kernels of other topics, which do not learn.

    Attributes:
      codes: Which kernel each row takes, `{topic: [B]}`; 0 for none.
    """

    def __init__(
        self, model: AdaptedModel, features: Mapping[str, Any], beside: AdaptedModel | None = None
    ) -> None:
        self._base, self._features = model.base, features
        self._knowledge = knowledge_of(model.base, features)
        self._seen = model.seen(self._knowledge)
        head = model.base.head
        self._directions = None if head is None else head.directions()
        # what is added to
        self._plain = self._knowledge
        if beside is not None:
            self._plain = beside.adapt(
                self._knowledge, beside.kernel_codes(features), beside.ids(features)
            )
        if self._directions is not None:
            self._plain = model.base.logits(self._plain)
        self.codes: dict[str, Any] = model.kernel_codes(features)
        self._ids = model.ids(features)

    def added(self, layer: DomainKernels, domains: Any) -> Added:
        """What a topic's kernels add to the rows, were these of the given domains `[B]`."""
        if self._directions is None:
            return layer(self._knowledge, domains, self._seen, self._ids)
        return layer.shifts(self._knowledge, domains, self._directions, self._seen, self._ids)

    def chances(self, *added: Added) -> dict[str, Any]:
        """Probabilities `{task: [B, 1]}` of exposed rows to which all of that is added."""
        total = {task: tf.add_n([x, *(a[task] for a in added)]) for task, x in self._plain.items()}
        logits = self._base.logits(total) if self._directions is None else total
        return dict(self._base.probabilities(self._base.exposed(logits, self._features)))

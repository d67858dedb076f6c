"""`KnowledgeGate`: scales each coordinate of the knowledge by a function of domain and row."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.bottleneck import Bottleneck
from tfrec_mt.adapters.domain_kernels import DomainKernels, Groups, Ids, float64, scale_stack
from tfrec_mt.adapters.served_kernels import FoldedKernels
from tfrec_mt.configs.bounds import Counts


@keras.saving.register_keras_serializable("tfrec_mt")
class KnowledgeGate(Bottleneck):
    """Multiplies each coordinate of the knowledge by a number between 0 and 2.

    `h + residual(h) = h * 2 sigmoid(g(h))`, so `residual(h) = h * tanh(g(h) / 2)`. g is each
    domain's own bottleneck, whose last layer starts at zero, so an untrained gate leaves the base
    unchanged. Arguments are those of `Bottleneck`.

    EPNet has one gate for all domains, which sees the domain's features and scales a model's
    embeddings while the model is trained. Here the base is frozen, a gate belongs to a domain, and
    it scales the input of the base's last layer.

    Example:
      >>> kernels = mt.adapters.KnowledgeGate("market", ("us", "de"), {"ctr": 64})
      >>> kernels.domains
      ('us', 'de')

    Reference:
      Chang et al. 2023, PEPNet: Parameter and Embedding Personalized Network for Infusing with
      Personalized Prior Information, 2.2 and 2.3 (the gate with gamma = 2).
    """

    def __init__(
        self,
        topic: str,
        domains: Sequence[str],
        knowledge_widths: Mapping[str, int],
        encoder_units: Counts = (50,),
        negative_slope: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(topic, domains, knowledge_widths, encoder_units, negative_slope, **kwargs)
        # a gate's output is not linear in its weights, so its residual has a separate factor
        self._strengths = {
            task: self._stack(f"{task}_strength", (1,), "ones", trainable=False)
            for task in self.knowledge_widths
        }

    def last_layer(self, task: str) -> None:
        return None  # it multiplies the base's own knowledge

    def residual(self, task: str, seen: Any, groups: Groups, knowledge: Any, ids: Ids) -> Any:
        gate = groups.dense(self._encode(task, seen, groups), *self._decoder(task))
        strength = groups.select(self._strengths[task].value)
        return groups.collect(groups.spread(knowledge) * strength * tf.tanh(gate / 2))

    # the gated output is not linear in the encoder's output: each coordinate's gate counts
    shift = DomainKernels.shift

    def folded(self, directions: Mapping[str, np.ndarray] | None) -> FoldedKernels:
        layers = {task: self._folded_layers(task) for task in self.knowledge_widths}
        gates = {
            task: np.repeat(float64(self._strengths[task].value), width, axis=1)
            for task, width in self.knowledge_widths.items()
        }
        if directions is not None:
            gates = {task: gate * directions[task] for task, gate in gates.items()}
        return FoldedKernels.of(
            layers, self.negative_slope, gates, gates_summed=directions is not None
        )

    @property
    def rate_factors(self) -> dict[str, float]:
        """Eighty times those of `Bottleneck`, at most 1, as a gate moves a share of the knowledge.

        (Chosen from five on one takeout world of 300,000 rows.)
        """
        return {name: min(1.0, 80.0 * factor) for name, factor in super().rate_factors.items()}

    def scale_residuals(self, factors: np.ndarray) -> None:
        for weight in self._strengths.values():
            scale_stack(weight, factors)

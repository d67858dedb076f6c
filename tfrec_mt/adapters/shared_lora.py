"""`SharedLoRA`: one low-rank linear update for all domains of a topic."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tfrec_mt.adapters.bottleneck import decoder_rate
from tfrec_mt.adapters.domain_kernels import scale_stack
from tfrec_mt.adapters.lora import LoRA


@dataclasses.dataclass(frozen=True)
class SharedMatrix:
    """A matrix per domain `[N, a, b]`: the domain's own plus a multiple of a shared one.

    Attributes:
      own: `[N, a, b]`, of kernels loaded from files; zero while the matrix is shared.
      shared: `[a, b]`.
      share: `[N, 1, 1]`, factor of the shared matrix: 1, or 0 for kernels loaded from files.
    """

    own: Any
    shared: Any
    share: Any

    @property
    def value(self) -> Any:
        return self.own.value + self.share.value * self.shared.value


@keras.saving.register_keras_serializable("tfrec_mt")
class SharedLoRA(LoRA):
    """The update `alpha / r * h~ A B` of `LoRA`, with A and B shared by all domains.

    It learns what all domains have in common, such as what changed since the base was trained. It
    is the reference for other adapters: what they gain beyond it is due to kernels of single
    domains. Each domain still takes part or not by itself, and rows without a domain get the base.

    Matrices are shared in training only. A kernel that is taken out of the layer is an independent
    `LoRA` of its domain and no longer changes with the others.

    Args:
      topic, domains, knowledge_widths, rank, alpha: See `LoRA`.

    Example:
      >>> kernels = mt.adapters.SharedLoRA("market", ("us", "de"), {"ctr": 64}, rank=4)
      >>> kernels.domains
      ('us', 'de')

    Reference:
      Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models.
    """

    def _matrix(self, name: str, shape: tuple[int, int], start: str) -> Any:
        return SharedMatrix(
            own=self._stack(name, shape, trainable=False),
            shared=self._alike(f"{name}_shared", shape, start),
            share=self._stack(f"{name}_share", (1, 1), "ones", trainable=False),
        )

    @property
    def _matrices(self) -> list[SharedMatrix]:
        return [*self._downs.values(), *self._ups.values()]

    @property
    def kernel_weights(self) -> list[Any]:
        left_out = self.shared | {matrix.share.name for matrix in self._matrices}
        return [weight for weight in self.weights if weight.name not in left_out]

    @property
    def shared(self) -> frozenset[str]:
        return frozenset(matrix.shared.name for matrix in self._matrices)

    def _kernel(self, index: int) -> dict[str, np.ndarray]:
        whole = {matrix.own.name: np.array(matrix.value[index]) for matrix in self._matrices}
        return super()._kernel(index) | whole

    def set_kernel(self, domain: str, weights: Mapping[str, np.ndarray]) -> None:
        super().set_kernel(domain, weights)
        others = np.asarray([name != domain for name in self.domains], np.float32)
        for matrix in self._matrices:
            scale_stack(matrix.share, others)

    @property
    def rate_factors(self) -> dict[str, float]:
        """Factor of the shared B; see `LoRA`."""
        return {up.shared.name: decoder_rate(self.rank) for up in self._ups.values()}

    def scale_residuals(self, factors: np.ndarray) -> None:
        for up in self._ups.values():
            scale_stack(up.own, factors)
            scale_stack(up.share, factors)

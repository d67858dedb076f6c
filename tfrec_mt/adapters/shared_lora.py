"""`SharedLoRA`: one linear update of low rank for all domains of a topic."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfrec_mt.adapters.bottleneck import decoder_rate
from tfrec_mt.adapters.domain_kernels import scale_stack
from tfrec_mt.adapters.lora import LoRA


@keras.saving.register_keras_serializable("tfrec_mt")
class SharedLoRA(LoRA):
    """The update `alpha / r * h~ A B` of `LoRA`, with A and B that all domains have in common.

    It learns what all domains' rows say alike, such as what changed since the base was trained, and
    nothing of how domains differ: what another adapter gains beyond it is owed to its kernels being
    the domains' own. Domains still take part or not each for itself, and rows of none get the base.

    What is shared exists for training alone. A kernel that is taken out of the layer is a `LoRA` of
    its domain's own and changes no more with the others.

    Args:
      topic, domains, knowledge_widths, rank, alpha: See `LoRA`.

    Reference:
      Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models.
    """

    def __init__(
        self,
        topic: str,
        domains: Sequence[str],
        knowledge_widths: Mapping[str, int],
        rank: int = 16,
        alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(topic, domains, knowledge_widths, rank, alpha, **kwargs)
        self._shared_downs, self._shared_ups = {}, {}
        # what of them a domain takes, `[N, 1, 1]`: all, or nothing with a kernel from a file
        self._down_shares, self._up_shares = {}, {}
        normal = keras.initializers.RandomNormal(stddev=1.0)
        for task, width in self.knowledge_widths.items():
            self._shared_downs[task] = self.add_weight(
                name=f"{task}_shared_down", shape=(width, rank), initializer=normal
            )
            self._shared_ups[task] = self.add_weight(
                name=f"{task}_shared_up", shape=(rank, width), initializer="zeros"
            )
            self._down_shares[task] = self._stack(f"{task}_down_share", (1, 1), "ones", False)
            self._up_shares[task] = self._stack(f"{task}_up_share", (1, 1), "ones", False)

    def _matrix(self, name: str, shape: tuple[int, int], start: str) -> Any:
        # what a kernel from a file has; zero while the update is shared
        return self._stack(name, shape, trainable=False)

    def _down(self, task: str) -> Any:
        share, shared = self._down_shares[task].value, self._shared_downs[task].value
        return super()._down(task) + share * shared

    def _up(self, task: str) -> Any:
        share, shared = self._up_shares[task].value, self._shared_ups[task].value
        return super()._up(task) + share * shared

    @property
    def kernel_weights(self) -> list[Any]:
        left_out = self.shared | {share.name for share in self._shares}
        return [weight for weight in self.weights if weight.name not in left_out]

    @property
    def shared(self) -> frozenset[str]:
        parts = (self._shared_downs, self._shared_ups)
        return frozenset(weight.name for part in parts for weight in part.values())

    @property
    def _shares(self) -> list[Any]:
        return [*self._down_shares.values(), *self._up_shares.values()]

    def _kernel(self, index: int) -> dict[str, np.ndarray]:
        found = super()._kernel(index)
        for task in self.knowledge_widths:
            found[f"{task}_down"] = np.array(self._down(task)[index])
            found[f"{task}_up"] = np.array(self._up(task)[index])
        return found

    def set_kernel(self, domain: str, weights: Mapping[str, np.ndarray]) -> None:
        super().set_kernel(domain, weights)
        others = np.asarray([name != domain for name in self.domains], np.float32)
        for share in self._shares:
            scale_stack(share, others)

    @property
    def rate_factors(self) -> dict[str, float]:
        """See `LoRA`; it is the shared B that learns."""
        return {up.name: decoder_rate(self.rank) for up in self._shared_ups.values()}

    def scale_residuals(self, factors: np.ndarray) -> None:
        super().scale_residuals(factors)
        for share in self._up_shares.values():
            scale_stack(share, factors)

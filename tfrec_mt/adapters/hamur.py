"""`HAMUR`: bottlenecks that a hyper-network shared by all domains generates."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.bottleneck import Bottleneck, Layer, decoder_rate
from tfrec_mt.adapters.domain_kernels import scale_stack
from tfrec_mt.configs.bounds import Count


@keras.saving.register_keras_serializable("tfrec_mt")
class HAMUR(Bottleneck):
    """A bottleneck per domain, generated from a small core of the domain's own.

    A domain's encoder is `U C / sqrt(k)` and its decoder `C' V / sqrt(k)`, with U `[S, k]` and V
    `[k, D]` shared by all domains of the topic and cores C `[k, width]`, C' `[width, k]` of its
    own. U, V and C start at N(0, 1) and C' at zero, so generated encoders start as those of
    `Bottleneck` do and an untrained kernel is the base itself.

    U and V exist for training alone. A kernel (`kernel`, `set_kernel`, its file and its export) is
    the generated bottleneck with a core of zero, so it needs no other kernel.

    In the paper U and V are a domain's own and a shared network generates the core for each row;
    its adapters sit between a model's layers and are trained with it. A core per row could not be
    shipped as a domain's file of weights.

    Args:
      topic, domains, knowledge_widths, seen_widths: See `DomainKernels`.
      bottleneck_width: Width of the generated bottleneck.
      core_rank: Rank k of what is shared.
      negative_slope: Slope of the LeakyReLU below zero.

    Raises:
      ValueError: A width or rank below 1.

    Example:
      >>> kernels = mt.adapters.HAMUR("market", ("us", "de"), {"ctr": 64}, bottleneck_width=8)
      >>> kernels.domains
      ('us', 'de')

    Reference:
      Li et al. 2023, HAMUR: Hyper Adapter for Multi-Domain Recommendation.
    """

    fixed_arguments = ("encoder_units",)

    def __init__(
        self,
        topic: str,
        domains: Sequence[str],
        knowledge_widths: Mapping[str, int],
        bottleneck_width: Count = 50,
        core_rank: Count = 50,
        negative_slope: float = 0.01,
        **kwargs: Any,
    ) -> None:
        if bottleneck_width < 1 or core_rank < 1:
            raise ValueError(
                "HAMUR: expected bottleneck_width >= 1 and core_rank >= 1, "
                f"got {bottleneck_width} and {core_rank}"
            )
        super().__init__(
            topic, domains, knowledge_widths, (bottleneck_width,), negative_slope, **kwargs
        )
        self.bottleneck_width = bottleneck_width
        self.core_rank = core_rank
        self._shared: dict[str, tuple[Any, Any]] = {}
        self._cores: dict[str, tuple[Any, Any]] = {}
        for task, width in self.knowledge_widths.items():
            self._shared[task] = (
                self._alike(f"{task}_shared_down", (self.seen_widths[task], core_rank), "random"),
                self._alike(f"{task}_shared_up", (core_rank, width), "random"),
            )
            self._cores[task] = (
                self._stack(f"{task}_core_down", (core_rank, bottleneck_width), "random"),
                self._stack(f"{task}_core_up", (bottleneck_width, core_rank)),
            )

    def _matrix(self, name: str, shape: tuple[int, int], start: str) -> Any:
        # what a kernel from a file has; zero while kernels are generated
        return self._stack(name, shape, trainable=False)

    def _encoder(self, task: str) -> list[Layer]:
        [(kernel, bias)] = super()._encoder(task)
        shared, core = self._shared[task][0].value, self._cores[task][0].value
        return [(kernel + tf.matmul(shared * self._shrink, core), bias)]

    def _decoder(self, task: str) -> Layer:
        kernel, bias = super()._decoder(task)
        core, shared = self._cores[task][1].value, self._shared[task][1].value
        return kernel + tf.matmul(core, shared * self._shrink), bias

    @property
    def _shrink(self) -> float:
        return float(self.core_rank**-0.5)

    @property
    def kernel_weights(self) -> list[Any]:
        left_out = {weight.name for pair in self._cores.values() for weight in pair} | self.shared
        return [weight for weight in self.weights if weight.name not in left_out]

    @property
    def shared(self) -> frozenset[str]:
        return frozenset(weight.name for pair in self._shared.values() for weight in pair)

    def _kernel(self, index: int) -> dict[str, np.ndarray]:
        found = super()._kernel(index)
        for task in self.knowledge_widths:
            (down, up), cores = self._shared[task], self._cores[task]
            core_down, core_up = (np.asarray(core.value[index]) for core in cores)
            found[f"{task}_encoder_kernel_0"] += np.asarray(down.value) * self._shrink @ core_down
            found[f"{task}_decoder_kernel"] += core_up @ (np.asarray(up.value) * self._shrink)
        return found

    def set_kernel(self, domain: str, weights: Mapping[str, np.ndarray]) -> None:
        super().set_kernel(domain, weights)
        alone = np.asarray([name != domain for name in self.domains], np.float32)
        for core in (core for pair in self._cores.values() for core in pair):
            scale_stack(core, alone)

    @property
    def rate_factors(self) -> dict[str, float]:
        """What generates a decoder learns like one; see `Bottleneck.rate_factors`."""
        ups = {up.name: decoder_rate(self.bottleneck_width) for _, up in self._cores.values()}
        return super().rate_factors | ups

    def scale_residuals(self, factors: np.ndarray) -> None:
        super().scale_residuals(factors)
        for _, up in self._cores.values():
            scale_stack(up, factors)

"""`Bottleneck`: encoder-decoders without an information term."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels, Groups, Ids, float64, scale_stack
from tfrec_mt.adapters.served_kernels import DenseLayer, FoldedKernels
from tfrec_mt.configs.bounds import Counts

Layer = tuple[Any, Any]

# Times 1 / fan-in; chosen from 3, 1, 1/3 and 1/4 on two takeout worlds that no study uses.
_DECODER_SHARE = 0.25


def decoder_rate(fan_in: int) -> float:
    """Rate factor of weights that start at 0 and have `fan_in` inputs."""
    return _DECODER_SHARE / fan_in


@keras.saving.register_keras_serializable("tfrec_mt")
class Bottleneck(DomainKernels):
    """Encoder-decoders that compress the base's knowledge and match it to one domain.

    `residual(h) = decoder(encoder(h))`. Encoder weights start at N(0, 1) and are divided in the
    forward pass by the square root of their fan-in (in the first layer, of the full width of
    knowledge, however few of its axes are seen), so that activations keep their scale. The decoder
    starts at zero, so an untrained kernel leaves the base unchanged. This is `IAK` without its
    penalty.

    Args:
      topic, domains, knowledge_widths, seen_widths: See `DomainKernels`.
      encoder_units: Widths of the encoder's layers; the last is `d_e`.
      negative_slope: Slope of the encoder's LeakyReLU below zero.

    Example:
      >>> kernels = mt.adapters.Bottleneck("market", ("us", "de"), {"ctr": 64}, encoder_units=(8,))
      >>> kernels.domains
      ('us', 'de')

    Reference:
      Houlsby et al. 2019, Parameter-Efficient Transfer Learning for NLP. Scales and rate factors
      are those of Yang and Hu 2021, Feature Learning in Infinite-Width Neural Networks, for hidden
      and last layers under Adam.
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
        super().__init__(topic, domains, knowledge_widths, **kwargs)
        self.encoder_units = tuple(encoder_units)
        self.negative_slope = negative_slope
        self._encoders: dict[str, list[Layer]] = {}
        self._decoders: dict[str, Layer] = {}
        for task, width in self.knowledge_widths.items():
            widths = (self.seen_widths[task], *self.encoder_units)
            self._encoders[task] = [
                (
                    self._matrix(f"{task}_encoder_kernel_{i}", (fan_in, fan_out), "random"),
                    self._stack(f"{task}_encoder_bias_{i}", (fan_out,)),
                )
                for i, (fan_in, fan_out) in enumerate(itertools.pairwise(widths))
            ]
            self._decoders[task] = (
                self._matrix(f"{task}_decoder_kernel", (widths[-1], width), "zeros"),
                self._stack(f"{task}_decoder_bias", (width,)),
            )
        self.built = True

    def _matrix(self, name: str, shape: tuple[int, int], start: str) -> Any:
        """Adds a matrix per domain that starts at N(0, 1) or at zero."""
        return self._stack(name, shape, start)

    def _encoder(self, task: str) -> list[Layer]:
        """Weights and biases of the encoder's layers, `[N, a, b]` and `[N, b]`."""
        return [(kernel.value, bias.value) for kernel, bias in self._encoders[task]]

    def _decoder(self, task: str) -> Layer:
        kernel, bias = self._decoders[task]
        return kernel.value, bias.value

    def _shrinks(self, task: str) -> list[float]:
        """Factors of the encoder's weights, layer by layer."""
        widths = (self.knowledge_widths[task], *self.encoder_units[:-1])
        return [float(width**-0.5) for width in widths]

    def first_layer(self, task: str) -> tuple[str, str, float]:
        return f"{task}_encoder_kernel_0", f"{task}_encoder_bias_0", self._shrinks(task)[0]

    def last_layer(self, task: str) -> tuple[str, ...] | None:
        return f"{task}_decoder_kernel", f"{task}_decoder_bias"

    def residual(self, task: str, seen: Any, groups: Groups, knowledge: Any, ids: Ids) -> Any:
        hidden = self._encode(task, seen, groups)
        return groups.collect(groups.dense(hidden, *self._decoder(task)))

    def shift(
        self, task: str, seen: Any, groups: Groups, knowledge: Any, direction: Any, ids: Ids
    ) -> Any:
        # decoder and logit are both linear, so one vector of d_e numbers replaces them
        kernel, bias = self._decoder(task)
        reading = tf.tensordot(kernel, direction, 1)  # [N, d_e]
        constant = tf.tensordot(bias, direction, 1)[:, tf.newaxis]  # [N, 1]
        hidden = self._encode(task, seen, groups)
        shifts = tf.reduce_sum(hidden * groups.select(reading), axis=-1, keepdims=True)
        return groups.collect(shifts + groups.select(constant))

    def _encode(self, task: str, seen: Any, groups: Groups) -> Any:
        """The encoder's output for each row, laid out by `groups`."""
        hidden = groups.spread(seen)
        for (kernel, bias), shrink in zip(self._encoder(task), self._shrinks(task), strict=True):
            hidden = groups.dense(hidden, kernel * shrink, bias)
            hidden = tf.nn.leaky_relu(hidden, self.negative_slope)
        return hidden

    def folded(self, directions: Mapping[str, np.ndarray] | None) -> FoldedKernels:
        layers = {}
        for task in self.knowledge_widths:
            *encoder, (kernel, bias) = self._folded_layers(task)
            if directions is not None:
                direction = directions[task].astype(np.float64)[:, np.newaxis]
                kernel, bias = kernel @ direction, bias @ direction
            layers[task] = [*encoder, (kernel, bias)]
        return FoldedKernels.of(layers, self.negative_slope)

    def _folded_layers(self, task: str) -> list[DenseLayer]:
        """The encoder's layers, with all scales in their weights, and the decoder, in float64."""
        found = []
        for weights, shrink in zip(self._encoder(task), self._shrinks(task), strict=True):
            kernel, bias = (float64(weight) for weight in weights)
            found.append((kernel * shrink, bias))
        kernel, bias = (float64(weight) for weight in self._decoder(task))
        return [*found, (kernel, bias)]

    @property
    def rate_factors(self) -> dict[str, float]:
        """Decoders learn at a rate divided by four times their fan-in.

        One learning rate then suits both encoder weights, which are of order 1, and decoder
        weights, which start at 0. With equal rates, a kernel is fitted before its encoder has moved
        away from random projections.
        """
        decoders = (weight for pair in self._decoders.values() for weight in pair)
        return {weight.name: decoder_rate(self.encoder_units[-1]) for weight in decoders}

    def scale_residuals(self, factors: np.ndarray) -> None:
        for weight in (weight for pair in self._decoders.values() for weight in pair):
            scale_stack(weight, factors)

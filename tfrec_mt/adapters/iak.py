"""`IAK`: information-aware adaptive kernels."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels, Groups
from tfrec_mt.adapters.served_kernels import FoldedKernels


@keras.saving.register_keras_serializable("tfrec_mt")
class IAK(DomainKernels):
    """Encoder-decoders that compress the base's knowledge and match it to one domain.

    `residual(h) = decoder(encoder(h))`. Encoder weights start at N(0, 1) (Eq. 16), divided by the
    square root of their fan-in in the forward pass so that activations keep their scale; the
    decoder starts at zero, so an untrained kernel is the base itself. `penalty` is
    `KL(N(mu, sigma^2) || N(0, 1))` in closed form, mu and sigma^2 being the moments of each encoder
    layer's weights (Eq. 17 to 19).

    Args:
      topic, domains, knowledge_widths: See `DomainKernels`.
      encoder_units: Widths of the encoder's layers; the last is `d_e`.
      negative_slope: Slope of the encoder's LeakyReLU below zero.

    Reference:
      IAK paper, 5.3 and equation 7. Scales and rate factors are those of Yang and Hu 2021, Feature
      Learning in Infinite-Width Neural Networks, for hidden and last layers under Adam.
    """

    def __init__(
        self,
        topic: str,
        domains: Sequence[str],
        knowledge_widths: Mapping[str, int],
        encoder_units: Sequence[int] = (50,),
        negative_slope: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(topic, domains, knowledge_widths, **kwargs)
        self.encoder_units = tuple(encoder_units)
        self.negative_slope = negative_slope
        self._encoders: dict[str, list[tuple[Any, Any]]] = {}
        self._decoders: dict[str, tuple[Any, Any]] = {}
        for task, width in self.knowledge_widths.items():
            widths = (width, *self.encoder_units)
            self._encoders[task] = [
                (
                    self._stack(f"{task}_encoder_kernel_{i}", (fan_in, fan_out), "random"),
                    self._stack(f"{task}_encoder_bias_{i}", (fan_out,), "zeros"),
                )
                for i, (fan_in, fan_out) in enumerate(itertools.pairwise(widths))
            ]
            self._decoders[task] = (
                self._stack(f"{task}_decoder_kernel", (widths[-1], width), "zeros"),
                self._stack(f"{task}_decoder_bias", (width,), "zeros"),
            )
        self.built = True

    def _stack(self, name: str, shape: tuple[int, ...], start: str) -> Any:
        initializer = keras.initializers.RandomNormal(stddev=1.0) if start == "random" else start
        return self.add_weight(
            name=name, shape=(len(self.domains), *shape), initializer=initializer
        )

    def residual(self, task: str, knowledge: Any, groups: Groups) -> Any:
        kernel, bias = (weight.value for weight in self._decoders[task])
        return groups.collect(groups.dense(self._encode(task, knowledge, groups), kernel, bias))

    def shift(self, task: str, knowledge: Any, groups: Groups, direction: Any) -> Any:
        # the decoder is linear and so is the logit: one vector of d_e numbers stands for both
        kernel, bias = (weight.value for weight in self._decoders[task])
        reading = tf.tensordot(kernel, direction, 1)  # [N, d_e]
        constant = tf.tensordot(bias, direction, 1)[:, tf.newaxis]  # [N, 1]
        hidden = self._encode(task, knowledge, groups)
        shifts = tf.reduce_sum(hidden * groups.select(reading), axis=-1, keepdims=True)
        return groups.collect(shifts + groups.select(constant))

    def _encode(self, task: str, knowledge: Any, groups: Groups) -> Any:
        """The code of each row, as `groups` lays rows out."""
        hidden = groups.spread(knowledge)
        centre, scale = self._centres[task].value, self._scales[task].value
        for number, (kernel, bias) in enumerate(self._encoders[task]):
            shrink = kernel.shape[1] ** -0.5
            if number == 0:
                hidden = groups.standardised_dense(
                    hidden, centre, scale * shrink, kernel.value, bias.value
                )
            else:
                hidden = groups.dense(hidden * shrink, kernel.value, bias.value)
            hidden = tf.nn.leaky_relu(hidden, self.negative_slope)
        return hidden

    def folded(self, directions: Mapping[str, np.ndarray] | None) -> FoldedKernels:
        layers = {}
        for task, encoder in self._encoders.items():
            pairs = []
            for number, weights in enumerate(encoder):
                kernel, bias = (_float64(weight) for weight in weights)
                kernel *= kernel.shape[1] ** -0.5
                if number == 0:
                    kernel *= _float64(self._scales[task])[:, :, np.newaxis]
                    bias -= np.einsum("nd,ndu->nu", _float64(self._centres[task]), kernel)
                pairs.append((kernel, bias))
            kernel, bias = (_float64(weight) for weight in self._decoders[task])
            if directions is not None:
                direction = directions[task].astype(np.float64)[:, np.newaxis]
                kernel, bias = kernel @ direction, bias @ direction
            pairs.append((kernel, bias))
            layers[task] = [(k.astype(np.float32), b.astype(np.float32)) for k, b in pairs]
        return FoldedKernels(layers, self.negative_slope)

    @property
    def rate_factors(self) -> dict[str, float]:
        """Decoders learn at a rate divided by their fan-in.

        One rate then fits encoder weights, of the order of 1, and decoder weights, which start at
        0. At the same rate for both a kernel is fitted before its encoder has moved, and knows no
        more of the base's knowledge than `d_e` random projections.
        """
        decoders = (weight for pair in self._decoders.values() for weight in pair)
        return {weight.name: 1.0 / self.encoder_units[-1] for weight in decoders}

    def scale_residuals(self, factors: np.ndarray) -> None:
        for weight in (weight for pair in self._decoders.values() for weight in pair):
            shape = [-1] + [1] * (weight.value.shape.rank - 1)
            weight.assign(weight.value * tf.reshape(tf.cast(factors, weight.dtype), shape))

    def penalty(self) -> Any:
        total = tf.zeros([len(self.domains)])
        for layers in self._encoders.values():
            for kernel, _ in layers:
                total += _divergence(tf.convert_to_tensor(kernel.value))
        return total

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "encoder_units": self.encoder_units,
            "negative_slope": self.negative_slope,
        }


def _float64(weight: Any) -> np.ndarray:
    return np.asarray(weight.value).astype(np.float64)


@tf.custom_gradient
def _divergence(weights: Any) -> tuple[Any, Any]:
    """`KL(N(mu, sigma^2) || N(0, 1))` of the moments of each `[N, a, b]`, `[N]`."""
    mean = tf.reduce_mean(weights, axis=[1, 2])
    square = tf.reduce_mean(tf.square(weights), axis=[1, 2])
    variance = square - mean**2
    count = tf.cast(tf.size(weights[0]), weights.dtype)

    def gradient(upstream: Any) -> Any:
        # mu + (w - mu) (1 - 1 / sigma^2), a line in w: one pass over the weights
        share = (upstream / count)[:, tf.newaxis, tf.newaxis]
        slope = (1.0 - 1.0 / variance)[:, tf.newaxis, tf.newaxis]
        centre = mean[:, tf.newaxis, tf.newaxis]
        return (share * slope) * weights + share * centre * (1.0 - slope)

    return 0.5 * (square - 1.0 - tf.math.log(variance)), gradient

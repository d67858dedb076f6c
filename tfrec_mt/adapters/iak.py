"""`IAK`: information-aware adaptive kernels."""

from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.adapters.bottleneck import Bottleneck


@keras.saving.register_keras_serializable("tfrec_mt")
class IAK(Bottleneck):
    """Encoder-decoders with a penalty on what the encoders keep of the base's knowledge.

    A `Bottleneck` (equation 7; encoder weights start at N(0, 1), equation 16) with a `penalty`:
    `KL(N(mu, sigma^2) || N(0, 1))` in closed form, where mu and sigma^2 are the moments of each
    encoder layer's weights (Eq. 17 to 19). Arguments are those of `Bottleneck`.

    Example:
      >>> kernels = mt.adapters.IAK("market", ("us", "de"), {"ctr": 64}, encoder_units=(8,))
      >>> kernels.domains
      ('us', 'de')

    Reference:
      IAK paper, 5.3 and equation 7.
    """

    def penalty(self) -> Any:
        total = tf.zeros([len(self.domains)])
        for layers in self._encoders.values():
            for kernel, _ in layers:
                total += _divergence(tf.convert_to_tensor(kernel.value))
        return total


@tf.custom_gradient
def _divergence(weights: Any) -> tuple[Any, Any]:
    """`KL(N(mu, sigma^2) || N(0, 1))` for the moments of each of N matrices `[N, a, b]`: `[N]`."""
    mean = tf.reduce_mean(weights, axis=[1, 2])
    square = tf.reduce_mean(tf.square(weights), axis=[1, 2])
    variance = square - mean**2
    count = tf.cast(tf.size(weights[0]), weights.dtype)

    def gradient(upstream: Any) -> Any:
        # mu + (w - mu) (1 - 1 / sigma^2), linear in w: one pass over the weights
        share = (upstream / count)[:, tf.newaxis, tf.newaxis]
        slope = (1.0 - 1.0 / variance)[:, tf.newaxis, tf.newaxis]
        centre = mean[:, tf.newaxis, tf.newaxis]
        return (share * slope) * weights + share * centre * (1.0 - slope)

    return 0.5 * (square - 1.0 - tf.math.log(variance)), gradient

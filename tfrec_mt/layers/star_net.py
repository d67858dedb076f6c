"""`StarNet`: a net for each domain, combined with a shared one."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.layers.configured_layer import ConfiguredLayer
from tfrec_mt.layers.domain_rows import DomainSlices
from tfrec_mt.layers.partitioned_norm import PartitionedNorm


@keras.saving.register_keras_serializable("tfrec_mt")
class StarNet(ConfiguredLayer):
    """Dense layers with LeakyReLU whose weights are the shared ones times a domain's own.

    `x (W * W_d) + b + b_d`; a domain's own weights start at one, so that all domains start alike.
    A batch may mix domains.

    Args:
      domains: Number of domains `N`; rows without a domain are one more.
      units: Width of each layer.
      dropout: Share of activations dropped after each layer in training.
      negative_slope: Slope of LeakyReLU below zero.

    Call arguments:
      inputs: `[B, D]`.
      codes: `[B]`, from 0 for none to N.
      training: Whether dropout is active; see also `PartitionedNorm`, the first layer.

    Returns:
      `[B, units[-1]]`.

    Reference:
      Sheng et al. 2021, One Model to Serve All (STAR), section 3.4.
    """

    def __init__(
        self,
        domains: int,
        units: Sequence[int],
        dropout: float = 0.0,
        negative_slope: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.domains = domains
        self.units = tuple(units)
        self.dropout = dropout
        self.negative_slope = negative_slope
        self._norm = PartitionedNorm(domains, name="norm")
        self._drop = keras.layers.Dropout(dropout, name="dropout")

    def build(self, inputs_shape: Any, codes_shape: Any = None) -> None:
        self._norm.build(inputs_shape)
        self._layers_of_all: list[tuple[Any, Any]] = []
        self._layers_of_each: list[tuple[Any, Any]] = []
        count, width = self.domains + 1, inputs_shape[-1]
        for i, units in enumerate(self.units):
            shared = (
                self.add_weight(name=f"kernel_{i}", shape=(width, units), initializer="he_normal"),
                self.add_weight(name=f"bias_{i}", shape=(units,), initializer="zeros"),
            )
            own = (
                self.add_weight(
                    name=f"kernels_{i}", shape=(count, width, units), initializer="ones"
                ),
                self.add_weight(name=f"biases_{i}", shape=(count, units), initializer="zeros"),
            )
            self._layers_of_all.append(shared)
            self._layers_of_each.append(own)
            width = units
        self.built = True

    @property
    def of_domains(self) -> list[Any]:
        """Weights `[N + 1, ...]` by domain code."""
        own = [weight for pair in self._layers_of_each for weight in pair]
        return [*own, *self._norm.of_domains]

    def call(self, inputs: Any, codes: Any, training: bool = False) -> Any:
        # rows without a domain are treated as one more domain
        slices = DomainSlices.of(codes + 1, self.domains + 1)
        rows = slices.spread(self._norm(inputs, codes, training=training))
        for (kernel, bias), (kernels, biases) in zip(
            self._layers_of_all, self._layers_of_each, strict=True
        ):
            rows = slices.dense(rows, kernel.value * kernels.value, bias.value + biases.value)
            rows = self._drop(tf.nn.leaky_relu(rows, self.negative_slope), training=training)
        return slices.collect(rows)

    def compute_output_shape(
        self, inputs_shape: Any, codes_shape: Any = None
    ) -> tuple[int | None, ...]:
        return (*inputs_shape[:-1], self.units[-1])

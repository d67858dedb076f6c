"""`ExpertMixture`: the main net of MMoE."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.configs.choices import Precision
from tfrec_mt.layers.configured_layer import ConfiguredLayer
from tfrec_mt.layers.dense_net import DenseNet


@keras.saving.register_keras_serializable("tfrec_mt")
class ExpertMixture(ConfiguredLayer):
    """Shared experts, mixed for each task by its own gate.

    `mixture_t(x) = sum_e softmax(G_t x)_e expert_e(x)`.

    Args:
      tasks: Names of the tasks.
      experts: Number of experts `E`.
      units: Layers of each expert.
      dropout, precision: See `DenseNet`.

    Call arguments:
      inputs: `[B, D]`.
      training: See `DenseNet`.

    Returns:
      `{task: [B, units[-1]]}`.

    Reference:
      Ma et al. 2018, Modeling Task Relationships in Multi-task Learning with Multi-gate
      Mixture-of-Experts, equations 6 to 8.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        experts: int = 2,
        units: Sequence[int] = (128, 64),
        dropout: float = 0.0,
        precision: Precision = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tasks = tuple(tasks)
        self.experts = experts
        self.units = tuple(units)
        self.dropout = dropout
        self.precision: Precision = precision
        self._experts = [
            DenseNet(units, dropout, precision=precision, name=f"expert_{i}")
            for i in range(experts)
        ]
        self._gates = {
            task: keras.layers.Dense(
                experts, activation="softmax", use_bias=False, name=f"{task}_gate"
            )
            for task in self.tasks
        }

    def build(self, input_shape: Any) -> None:
        for layer in (*self._experts, *self._gates.values()):
            layer.build(input_shape)
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> dict[str, Any]:
        outputs = [expert(inputs, training=training) for expert in self._experts]
        mixtures = {}
        for task, gate in self._gates.items():
            mixtures[task] = mixture(gate(inputs), outputs)
        return mixtures

    def compute_output_shape(self, input_shape: Any) -> dict[str, tuple[int | None, ...]]:
        return {task: (*input_shape[:-1], self.units[-1]) for task in self.tasks}


def mixture(shares: Any, outputs: Sequence[Any]) -> Any:
    """Sum of experts' outputs, each `[B, U]`, weighted by a gate's shares `[B, E]`: `[B, U]`."""
    parts = zip(tf.split(shares, len(outputs), axis=1), outputs, strict=True)
    return tf.add_n([share * output for share, output in parts])

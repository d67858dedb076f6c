"""`ProgressiveExtraction`: one level of PLE."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from tfrec_mt.configs.choices import Precision
from tfrec_mt.layers.configured_layer import ConfiguredLayer
from tfrec_mt.layers.dense_net import DenseNet
from tfrec_mt.layers.expert_mixture import mixture

SHARED = "shared"


@keras.saving.register_keras_serializable("tfrec_mt")
class ProgressiveExtraction(ConfiguredLayer):
    """Task experts and shared experts; a task's gate mixes its own and the shared ones.

    Args:
      tasks: Names of the tasks.
      experts: Experts of each task, and shared experts.
      units: Layers of each expert.
      last: Whether no level follows, so that shared experts need no output.
      dropout, precision: See `DenseNet`.

    Call arguments:
      inputs: `{name: [B, D]}` of every task and `"shared"`.
      training: See `DenseNet`.

    Returns:
      `{name: [B, units[-1]]}` of every task and, unless this is the last level, of `"shared"`, a
      mixture of all experts.

    Reference:
      Tang et al. 2020, Progressive Layered Extraction, section 4 ([45] of the IAK paper).
    """

    def __init__(
        self,
        tasks: Sequence[str],
        experts: int = 2,
        units: Sequence[int] = (256,),
        last: bool = False,
        dropout: float = 0.0,
        precision: Precision = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tasks = tuple(tasks)
        self.experts = experts
        self.units = tuple(units)
        self.last = last
        self.dropout = dropout
        self.precision: Precision = precision
        self._experts = {
            name: [
                DenseNet(units, dropout, precision=precision, name=f"{name}_expert_{i}")
                for i in range(experts)
            ]
            for name in (*self.tasks, SHARED)
        }
        self._gates = {
            name: keras.layers.Dense(
                experts * len(self._seen_by(name)), "softmax", use_bias=False, name=f"{name}_gate"
            )
            for name in (self.tasks if last else (*self.tasks, SHARED))
        }

    def _seen_by(self, name: str) -> tuple[str, ...]:
        """The tasks, or `shared`, whose experts a gate mixes."""
        return (*self.tasks, SHARED) if name == SHARED else (name, SHARED)

    def build(self, inputs_shape: Mapping[str, Any]) -> None:
        for name, experts in self._experts.items():
            for expert in experts:
                expert.build(inputs_shape[name])
        for name, gate in self._gates.items():
            gate.build(inputs_shape[name])
        self.built = True

    def call(self, inputs: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        outputs = {
            name: [expert(inputs[name], training=training) for expert in experts]
            for name, experts in self._experts.items()
        }
        mixtures = {}
        for name, gate in self._gates.items():
            seen = [output for whose in self._seen_by(name) for output in outputs[whose]]
            mixtures[name] = mixture(gate(inputs[name]), seen)
        return mixtures

    def compute_output_shape(
        self, inputs_shape: Mapping[str, Any]
    ) -> dict[str, tuple[int | None, ...]]:
        return {name: (*inputs_shape[name][:-1], self.units[-1]) for name in self._gates}

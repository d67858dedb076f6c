"""`CutModel`: a functional Keras model cut in front of its heads."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from tfrec_mt.bases.heads import (
    Head,
    check_logit,
    found_layer,
    is_linear,
    layers_by_name,
    nodes_of,
)
from tfrec_mt.errors import SchemaError

Shapes = dict[str, list[tuple[int | None, ...]]]


class CutModel:
    """A graph of layers, cut into the part in front of its heads, the heads, and what follows.

    Args:
      functional: The graph.
      heads: Layers by task.

    Attributes:
      shapes: Shapes of each head's inputs, by task.
      linear: Layers of the heads that are a plain `Dense(1)`, by task.
      tail: Maps logits to the model's outputs; None if these depend on more than logits.
      gives_logits: Whether the outputs are the logits, and the sigmoid was left to a loss.

    Raises:
      SchemaError: A head does not exist, is called more than once, or is no logit.
    """

    def __init__(self, functional: Any, heads: Mapping[str, Head]) -> None:
        layers, calls = layers_by_name(functional, deep=False), [*nodes_of(functional)]
        self.shapes: Shapes = {}
        self.linear: dict[str, keras.layers.Layer] = {}
        self._heads: dict[str, keras.Model] = {}
        read, logits = {}, {}
        for task, head in heads.items():
            ends = (head, head) if isinstance(head, str) else head
            first, last = (found_layer(layers, task, name) for name in ends)
            inputs = _only_call(task, first, calls).input_tensors
            (logit,) = _only_call(task, last, calls).outputs
            check_logit(task, last, logit.shape)
            try:
                self._heads[task] = keras.Model(inputs, logit)
            except ValueError as error:
                raise SchemaError(
                    f"head of {task!r}: layer {last.name!r} reads more than what comes from "
                    f"{first.name!r}; expected layers of which one follows from the other alone"
                ) from error
            self.shapes[task] = [tuple(tensor.shape) for tensor in inputs]
            if first is last and is_linear(last, len(inputs)):
                self.linear[task] = last
            read[task], logits[task] = inputs, logit
        self.inputs = {tensor.name: tensor for tensor in functional.inputs}
        self._front = keras.Model(self.inputs, read)
        self._whole = keras.Model(self.inputs, functional._outputs_struct)
        outputs = functional._outputs_struct
        if isinstance(outputs, Mapping):  # there may be further outputs
            outputs = {task: outputs[task] for task in heads if task in outputs}
        self.tail = _tail([*logits.values()], outputs)
        found = {id(logit) for logit in logits.values()}
        self.gives_logits = all(id(tensor) in found for tensor in keras.tree.flatten(outputs))

    def read(self, features: Any) -> tuple[dict[str, list[Any]], Any]:
        """Inputs of each head, by task, and None, as the model's outputs are not computed."""
        return self._front(features, training=False), None

    def outputs(self, features: Any) -> Any:
        """The model's outputs."""
        return self._whole(features, training=False)

    def logit(self, task: str, inputs: Sequence[Any]) -> Any:
        """A head's logit for its inputs, `[B, 1]`."""
        return self._heads[task]([*inputs], training=False)


def _only_call(task: str, layer: keras.layers.Layer, calls: Sequence[tuple[Any, Any]]) -> Any:
    found = [node for operation, node in calls if operation is layer]
    if len(found) != 1:
        raise SchemaError(
            f"head of {task!r}: layer {layer.name!r} is called {len(found)} times; expected a "
            "layer that is called once"
        )
    return found[0]


def _tail(logits: Sequence[Any], outputs: Any) -> keras.Model | None:
    try:
        return keras.Model([*logits], outputs)
    except ValueError:  # the outputs depend on more than logits
        return None

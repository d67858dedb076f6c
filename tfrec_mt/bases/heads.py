"""Finds and checks the layers of a Keras model that are the heads of its tasks."""

from collections.abc import Iterator, Mapping
from typing import Any

import keras
from keras.src.models.functional import Functional

from tfrec_mt.errors import SchemaError, nearest

# The layer that ends in a task's logit, or the first and the last of several.
Head = str | tuple[str, str]


def as_functional(model: keras.Model) -> Any:
    """The model as a graph of layers; None if it is not one."""
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs, model.outputs) if model.built else None
    if isinstance(model, Functional) and type(model).call is Functional.call:
        return model
    return None


def layers_by_name(model: keras.Model, deep: bool) -> dict[str, keras.layers.Layer]:
    """Layers that can be named as a head: the model's own and, if deep, those of models in it."""
    layers = model._flatten_layers(include_self=False) if deep else model.layers
    return {layer.name: layer for layer in layers}


def found_layer(
    layers: Mapping[str, keras.layers.Layer], task: str, name: str
) -> keras.layers.Layer:
    """The layer of that name.

    Raises:
      SchemaError: There is none.
    """
    if name not in layers:
        raise SchemaError(
            f"head of {task!r}: the model has no layer {name!r}; {nearest(name, layers)}"
        )
    return layers[name]


def check_logit(task: str, layer: keras.layers.Layer, shape: tuple[int | None, ...] | None) -> None:
    """Checks that a layer ends in a logit `[B, 1]`.

    Args:
      task: Whose.
      layer: The layer.
      shape: Of its output; None where that is not known.

    Raises:
      SchemaError: It does not.
    """
    hint = "name a layer that gives the logit, with the sigmoid behind it"
    if shape is not None and (len(shape) != 2 or shape[-1] != 1):
        raise SchemaError(
            f"head of {task!r}: layer {layer.name!r} gives {[*shape]}, expected [B, 1]; {hint}"
        )
    last = layer
    while isinstance(last, keras.Model) and last.layers:
        last = last.layers[-1]
    activation = getattr(last, "activation", None)
    if activation not in (None, keras.activations.linear):
        named = getattr(activation, "__name__", type(activation).__name__)
        raise SchemaError(
            f"head of {task!r}: layer {layer.name!r} ends in the activation {named}; {hint}"
        )


def is_linear(layer: keras.layers.Layer, inputs: int) -> bool:
    """Whether a head is a plain `Dense(1)` with one input, which a direction describes fully."""
    return type(layer) is keras.layers.Dense and inputs == 1


def nodes_of(functional: Any) -> Iterator[tuple[keras.layers.Layer, Any]]:
    """Every call of a layer in a graph of layers, with its inputs and outputs."""
    waiting = [*keras.tree.flatten(functional.outputs)]
    ends = {id(tensor) for tensor in functional.inputs}
    seen: set[int] = set()
    while waiting:
        tensor = waiting.pop()
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if id(tensor) in ends or id(node) in seen:
            continue
        seen.add(id(node))
        yield history.operation, node
        waiting += node.input_tensors

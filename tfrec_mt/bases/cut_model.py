"""`CutModel` and `RecordedModel`: a Keras model taken apart in front of its heads."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import keras

from tfrec_mt.bases.heads import (
    Head,
    as_functional,
    check_logit,
    found_layer,
    is_linear,
    layers_by_name,
    nodes_of,
)
from tfrec_mt.errors import SchemaError

Shapes = dict[str, list[tuple[int | None, ...]]]


class Cut(Protocol):
    """A model in front of its heads, and the heads.

    Attributes:
      shapes: Shapes of what each head reads, by task.
      linear: The layer of each head that is a plain `Dense(1)`, by task.
    """

    shapes: Shapes
    linear: dict[str, keras.layers.Layer]

    def read(self, features: Any) -> tuple[dict[str, list[Any]], Any]:
        """What each head reads, by task, and what the model gives, or None if that is unknown."""

    def logit(self, task: str, inputs: Sequence[Any]) -> Any:
        """What a head makes of it, `[B, 1]`."""


class CutModel:
    """A graph of layers, cut into the part in front of its heads, the heads, and what follows.

    Args:
      functional: The graph.
      heads: Layers by task.

    Attributes:
      tail: From logits to the model's outputs; None where these depend on more than logits.

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
        self.tail = _tail(functional, [*logits.values()])

    def read(self, features: Any) -> tuple[dict[str, list[Any]], Any]:
        return self._front(features, training=False), None

    def logit(self, task: str, inputs: Sequence[Any]) -> Any:
        return self._heads[task]([*inputs], training=False)


class RecordedModel:
    """A model that is code: what its heads read is seen while it runs.

    Args:
      model: The model.
      heads: Layers by task.

    Raises:
      SchemaError: A head does not exist, is no logit or is several layers.
    """

    def __init__(self, model: keras.Model, heads: Mapping[str, Head]) -> None:
        layers = layers_by_name(model, deep=True)
        self._model = model
        self._layers: dict[str, keras.layers.Layer] = {}
        for task, head in heads.items():
            if not isinstance(head, str):
                raise SchemaError(
                    f"head of {task!r}: expected one layer, got {head}; of several layers the "
                    "model must be functional"
                )
            self._layers[task] = found_layer(layers, task, head)
            check_logit(task, self._layers[task], None)
        self.shapes: Shapes = {}
        self.linear: dict[str, keras.layers.Layer] = {}
        built = {task: _built_shapes(layer) for task, layer in self._layers.items()}
        if all(built.values()):
            self._note(built)

    def _note(self, shapes: Shapes) -> None:
        self.shapes = shapes
        linear = {t: x for t, x in self._layers.items() if is_linear(x, len(shapes[t]))}
        self.linear = {task: layer for task, layer in linear.items() if layer.units == 1}

    def read(self, features: Any) -> tuple[dict[str, list[Any]], Any]:
        if not self._model.built:
            self._model(features, training=False)
        with _watched(self._layers) as seen:
            outputs = self._model(features, training=False)
        for task, layer in self._layers.items():
            if len(seen[task]) != 1:
                raise SchemaError(
                    f"head of {task!r}: layer {layer.name!r} is called {len(seen[task])} times; "
                    "expected a layer that is called once"
                )
            check_logit(task, layer, tuple(seen[task][0][1].shape))
        found = {task: calls[0][0] for task, calls in seen.items()}
        if not self.shapes:
            self._note({task: [(None, *x.shape[1:]) for x in xs] for task, xs in found.items()})
        return found, outputs

    def logit(self, task: str, inputs: Sequence[Any]) -> Any:
        layer = self._layers[task]
        return layer(inputs[0] if len(inputs) == 1 else [*inputs])


def cut(model: keras.Model, heads: Mapping[str, Head]) -> CutModel | RecordedModel:
    """Takes a model apart."""
    functional = as_functional(model)
    return RecordedModel(model, heads) if functional is None else CutModel(functional, heads)


def _only_call(task: str, layer: keras.layers.Layer, calls: Sequence[tuple[Any, Any]]) -> Any:
    found = [node for operation, node in calls if operation is layer]
    if len(found) != 1:
        raise SchemaError(
            f"head of {task!r}: layer {layer.name!r} is called {len(found)} times; expected a "
            "layer that is called once"
        )
    return found[0]


def _tail(functional: Any, logits: Sequence[Any]) -> keras.Model | None:
    try:
        return keras.Model([*logits], functional._outputs_struct)
    except ValueError:  # the outputs depend on more
        return None


def _built_shapes(layer: keras.layers.Layer) -> list[tuple[int | None, ...]]:
    """Shapes of a built layer's inputs, as far as it remembers them."""
    remembered = getattr(layer, "_build_shapes_dict", None) or {}
    shapes = [*remembered.values()]
    if len(shapes) == 1 and isinstance(shapes[0], list):
        shapes = shapes[0]
    return [tuple(shape) for shape in shapes if shape is not None]


@contextlib.contextmanager
def _watched(
    layers: Mapping[str, keras.layers.Layer],
) -> Iterator[dict[str, list[tuple[list[Any], Any]]]]:
    """Yields what layers are given and give within the block, by task."""
    seen: dict[str, list[tuple[list[Any], Any]]] = {task: [] for task in layers}

    def watch(task: str, call: Any) -> Any:
        def watching(inputs: Any, *args: Any, **kwargs: Any) -> Any:
            output = call(inputs, *args, **kwargs)
            seen[task].append((keras.tree.flatten(inputs), output))
            return output

        return watching

    try:
        for task, layer in layers.items():
            layer.call = watch(task, layer.call)
        yield seen
    finally:
        for layer in layers.values():
            layer.__dict__.pop("call", None)

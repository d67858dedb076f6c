"""`RecordedModel`: a subclassed Keras model, whose heads are watched while it runs."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras

from tfrec_mt.bases.cut_model import Shapes
from tfrec_mt.bases.heads import Head, check_logit, found_layer, is_linear, layers_by_name
from tfrec_mt.errors import SchemaError

_TENSOR = object()  # stands for a tensor among a layer's arguments


class Call(NamedTuple):
    """One call of a layer.

    Attributes:
      form: Positional and named arguments, without their tensors.
      tensors: The tensors among the arguments.
      output: The layer's output.
    """

    form: Any
    tensors: list[Any]
    output: Any


class RecordedModel:
    """A subclassed model, whose heads' inputs are recorded while it runs.

    Args:
      model: The model.
      heads: Layers by task.

    Attributes:
      shapes: Shapes of each head's inputs, by task; empty until they are known.
      linear: Layers of the heads that are a plain `Dense(1)`, by task.

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
        self._forms: dict[str, Any] = {}
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
        """Inputs of each head, by task, and the model's outputs."""
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
            check_logit(task, layer, tuple(seen[task][0].output.shape))
            self._forms[task] = seen[task][0].form
        found = {task: calls[0].tensors for task, calls in seen.items()}
        self._note({task: [(None, *x.shape[1:]) for x in xs] for task, xs in found.items()})
        return found, outputs

    def logit(self, task: str, inputs: Sequence[Any]) -> Any:
        """A head's logit for its inputs, `[B, 1]`."""
        if task not in self._forms:
            return self._layers[task](inputs[0] if len(inputs) == 1 else [*inputs])
        given = iter(inputs)
        args, kwargs = keras.tree.map_structure(
            lambda x: next(given) if x is _TENSOR else x, self._forms[task]
        )
        return self._layers[task](*args, **kwargs)


def _built_shapes(layer: keras.layers.Layer) -> list[tuple[int | None, ...]]:
    """Shapes of a built layer's inputs, as far as it remembers them."""
    remembered = getattr(layer, "_build_shapes_dict", None) or {}
    shapes = [*remembered.values()]
    if len(shapes) == 1 and isinstance(shapes[0], list):
        shapes = shapes[0]
    return [tuple(shape) for shape in shapes if isinstance(shape, tuple)]


@contextlib.contextmanager
def _watched(layers: Mapping[str, keras.layers.Layer]) -> Iterator[dict[str, list[Call]]]:
    """Records the calls of layers within the block, by task."""
    seen: dict[str, list[Call]] = {task: [] for task in layers}

    def watch(task: str, call: Any) -> Any:
        def watching(*args: Any, **kwargs: Any) -> Any:
            output, given = call(*args, **kwargs), (args, kwargs)
            form = keras.tree.map_structure(
                lambda x: _TENSOR if keras.ops.is_tensor(x) else x, given
            )
            tensors = [x for x in keras.tree.flatten(given) if keras.ops.is_tensor(x)]
            seen[task].append(Call(form, tensors, output))
            return output

        return watching

    try:
        for task, layer in layers.items():
            layer.call = watch(task, layer.call)
        yield seen
    finally:
        for layer in layers.values():
            layer.__dict__.pop("call", None)

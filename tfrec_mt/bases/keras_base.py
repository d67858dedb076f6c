"""`KerasBase`: your own Keras model as the base of kernels."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfrec_mt.bases.attached_base import AttachedBase, Specs, check_columns, spec_of
from tfrec_mt.bases.cut_model import CutModel
from tfrec_mt.bases.heads import Head, as_functional
from tfrec_mt.bases.recorded_model import RecordedModel
from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.models.base_model import LinearHead
from tfrec_mt.schema import Task

_TOLERANCE = 1e-6


class KerasBase(AttachedBase):
    """A Keras 3 model, cut in front of the layers that end in its tasks' logits.

    The input of such a layer is its task's knowledge; several inputs, such as the vectors of two
    towers, are concatenated. Kernels add to the knowledge; the layer and all that follows it stay
    as they are. The model is frozen, and its inputs and batches are your own.

    Args:
      model: Functional, sequential or subclassed.
      heads: By task the layer that ends in its logit `[B, 1]`, which may be a model of its own, or
        the first and the last of several layers of a functional model.
      tasks: Tasks in the order of the model's outputs, where these are a list; by default that of
        `heads`. A `Task` says of a regression that it is one, and with which loss.
      sample: Features of some rows; needed if the model is subclassed and has seen no rows yet.

    Raises:
      SchemaError: A head does not exist or is no logit, or the model is not of Keras 3.

    Example:
      >>> base = mt.KerasBase(ranker, heads={"ctr": "ctr_logit"})
      >>> base.tasks
      ('ctr',)
    """

    kind = "keras"

    def __init__(
        self,
        model: keras.Model,
        heads: Mapping[str, Head],
        tasks: Sequence[str | Task] | None = None,
        sample: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(model, keras.Model):
            raise SchemaError(
                f"model: expected a model of Keras 3, got a {type(model).__name__} of "
                f"{type(model).__module__}; what another framework exports is attached as a "
                "SavedModelBase or a KnowledgeTable"
            )
        super().__init__([*heads] if tasks is None else tasks)
        if sorted(self.tasks) != sorted(heads):
            raise SchemaError(f"expected a head for each of {[*self.tasks]}, got {[*heads]}")
        if len({*heads.values()}) < len(heads):
            raise SchemaError(
                f"heads: expected a layer of its own for each task, got {dict(heads)}"
            )
        self.model, self.heads = model, {task: heads[task] for task in self.tasks}
        functional = as_functional(model)
        self._cut = (
            RecordedModel(model, self.heads)
            if functional is None
            else CutModel(functional, self.heads)
        )
        self._specs: Specs | None = None
        if sample is not None:
            self.check(sample)

    @property
    def trainable(self) -> bool:
        """Whether the model's weights are trained."""
        return bool(self.model.trainable)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.model.trainable = value

    @property
    def _tail(self) -> keras.Model | None:
        """Maps logits to probabilities; None where that is the sigmoid of each."""
        cut_model = self._cut
        if isinstance(cut_model, RecordedModel) or cut_model.gives_logits:
            return None
        return cut_model.tail

    @property
    def knowledge_widths(self) -> dict[str, int]:
        if not self._cut.shapes:
            raise SchemaError(
                f"{type(self.model).__name__} has seen no rows yet: expected some, "
                "sample={name: column}"
            )
        return {task: sum(self._sizes(task)) for task in self.tasks}

    def _sizes(self, task: str) -> list[int]:
        """Size of each of a head's inputs."""
        shapes = self._cut.shapes[task]
        if any(size is None for shape in shapes for size in shape[1:]):
            raise SchemaError(
                f"head of {task!r}: layer {self.heads[task]!r} reads {shapes}; expected fixed sizes"
            )
        return [math.prod(size or 1 for size in shape[1:]) for shape in shapes]

    @property
    def head(self) -> LinearHead | None:
        if set(self._cut.linear) != set(self.tasks):
            return None
        weights = {task: self._cut.linear[task].kernel for task in self.tasks}
        return LinearHead({task: tf.convert_to_tensor(w) for task, w in weights.items()})

    def knowledge(
        self, features: Mapping[str, Any], candidates: bool = False, training: bool = False
    ) -> dict[str, Any]:
        return self._read(features)[0]

    def _read(self, features: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        """Knowledge, and the model's outputs where they are known."""
        found, outputs = self._cut.read(self._inputs(features))
        return {task: self._joined(task, inputs) for task, inputs in found.items()}, outputs

    def _inputs(self, features: Mapping[str, Any]) -> dict[str, Any]:
        """The columns passed to the model: its inputs, or all columns for a subclassed model."""
        if isinstance(self._cut, RecordedModel):
            return dict(features)
        check_columns(features, [*self._cut.inputs], f"model {self.model.name!r}")
        return {name: features[name] for name in self._cut.inputs}

    def _joined(self, task: str, inputs: Sequence[Any]) -> Any:
        rows = [
            tf.reshape(x, [-1, size]) if len(x.shape) != 2 else x
            for x, size in zip(inputs, self._sizes(task), strict=True)
        ]
        rows = [tf.cast(x, tf.float32) for x in rows]
        return rows[0] if len(rows) == 1 else tf.concat(rows, axis=1)

    def logits(self, knowledge: Mapping[str, Any]) -> dict[str, Any]:
        return {
            task: tf.cast(self._cut.logit(task, self._split(task, rows)), tf.float32)
            for task, rows in knowledge.items()
        }

    def _split(self, task: str, rows: Any) -> list[Any]:
        sizes, shapes = self._sizes(task), self._cut.shapes[task]
        parts = [rows] if len(sizes) == 1 else tf.split(rows, sizes, axis=1)
        return [
            tf.reshape(part, [-1, *shape[1:]]) if len(shape) != 2 else part
            for part, shape in zip(parts, shapes, strict=True)
        ]

    def probabilities(self, logits: Mapping[str, Any]) -> dict[str, Any]:
        if (tail := self._tail) is None:
            return super().probabilities(logits)
        outputs = tail([logits[task] for task in self.tasks], training=False)
        return outputs_by_task(outputs, self.tasks)

    def check(self, features: Mapping[str, Any]) -> None:
        """Compares probabilities with the model's own outputs, and records the specs of its inputs.

        Raises:
          SchemaError: They differ.
        """
        if self._specs is not None:
            return
        known, outputs = self._read(features)
        if isinstance(self._cut, CutModel):
            outputs = self._cut.outputs(self._inputs(features))
        own, logits = outputs_by_task(outputs, self.tasks), self.logits(known)
        found = self.probabilities(logits)
        for task in self.tasks:
            distance = _distance(own[task], found[task])
            # a model may be trained on logits, and leave the sigmoid to its loss
            if distance > _TOLERANCE and _distance(own[task], logits[task]) > _TOLERANCE:
                raise SchemaError(
                    f"head of {task!r}: the model's output is not the sigmoid of layer "
                    f"{self.heads[task]!r}, they differ by {distance:.2g}; name the layer "
                    "whose sigmoid it is, or make the model functional"
                )
        self._specs = self._found_specs(features)

    def _found_specs(self, features: Mapping[str, Any]) -> Specs:
        if isinstance(self._cut, CutModel):
            inputs = self._cut.inputs.items()
            return {name: tf.TensorSpec(x.shape, x.dtype, name) for name, x in inputs}
        specs = {name: spec_of(name, x) for name, x in self._inputs(features).items()}
        traced = tf.function(self.knowledge, autograph=False).get_concrete_function(specs)
        # placeholders are in the order of sorted names, followed by the weights
        placeholders = dict(zip(sorted(specs), traced.graph.inputs, strict=False))
        return {name: spec for name, spec in specs.items() if placeholders[name].consumers()}

    def input_specs(self) -> Specs:
        if self._specs is None and isinstance(self._cut, CutModel):
            return self._found_specs({})
        if self._specs is None:
            raise SchemaError(
                f"{type(self.model).__name__}: its inputs are not known yet, expected some rows "
                "first, sample={name: column}"
            )
        return self._specs

    def tracked(self) -> list[Any]:
        """Tables of the model's text and number lookups, which are not variables."""
        layers = self.model._flatten_layers()
        return [layer.lookup_table for layer in layers if hasattr(layer, "lookup_table")]

    def fingerprint(self) -> str:
        """Digest of class, configuration where the model has one, heads and all weights.

        Names that Keras numbers by itself do not matter.
        """
        digest = hashlib.sha256(type(self.model).__name__.encode())
        layers = [self.model, *self.model._flatten_layers(include_self=False)]
        numbers = {layer.name: f"#{place}" for place, layer in enumerate(layers)}
        try:
            config = self.model.get_config()
        except (NotImplementedError, TypeError, ValueError):
            config = {}
        told: dict[str, Any] = {"config": config, "heads": self.heads}
        if regressions := self.regressions():
            told["regressions"] = regressions
        digest.update(json.dumps(_unnamed(told, numbers), sort_keys=True, default=_kind).encode())
        for weight in self.model.weights:
            digest.update(repr(tuple(weight.shape)).encode())
            digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
        return digest.hexdigest()


def outputs_by_task(outputs: Any, tasks: Sequence[str]) -> dict[str, Any]:
    """A model's outputs as `{task: [B, 1]}`.

    Raises:
      SchemaError: It has no output for a task, or not as many as there are tasks.
    """
    if isinstance(outputs, Mapping):
        for task in tasks:
            if task not in outputs:
                raise SchemaError(f"the model has no output {task!r}; {nearest(task, outputs)}")
        found = [outputs[task] for task in tasks]
    else:
        found = [*outputs] if isinstance(outputs, list | tuple) else [outputs]
        if len(found) != len(tasks):
            raise SchemaError(
                f"expected an output for each of {[*tasks]}, the model has {len(found)}"
            )
    return {
        task: tf.reshape(tf.cast(values, tf.float32), [-1, 1])
        for task, values in zip(tasks, found, strict=True)
    }


def _distance(first: Any, second: Any) -> float:
    return float(np.abs(np.asarray(first) - np.asarray(second)).max(initial=0.0))


def _unnamed(value: Any, numbers: Mapping[str, str]) -> Any:
    """A configuration with layers numbered instead of named, and none of them frozen."""
    if isinstance(value, Mapping):
        return {
            key: True if key == "trainable" else _unnamed(x, numbers) for key, x in value.items()
        }
    if isinstance(value, list | tuple):
        return [_unnamed(x, numbers) for x in value]
    return numbers.get(value, value) if isinstance(value, str) else value


def _kind(value: Any) -> str:
    return type(value).__name__

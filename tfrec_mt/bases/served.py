"""`export_attached`: a base from elsewhere and its kernels as the next version of a SavedModel."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.served_kernels import ServedKernels
from tfrec_mt.bases.attached_base import AttachedBase, Specs, as_texts, one_row, placed
from tfrec_mt.errors import SchemaError
from tfrec_mt.serving.kernel_files import variables_read
from tfrec_mt.serving.kernels_to_serve import kernels_to_serve
from tfrec_mt.serving.signatures import USED_FALLBACK
from tfrec_mt.serving.versions import publish_version
from tfrec_mt.serving.warm_up import Requests, every_domain


class AttachedModule(tf.Module):
    """The inputs of a base and the names of rows' domains to probabilities.

    Outputs are each task's probability `[B]`, and `used_fallback` `[B, T]`: for which topics, in
    the order of `kernels`, a row's domain has no kernel.

    Args:
      base: The base.
      kernels: The kernels of each topic.

    Attributes:
      specs: Inputs by name.
      read_twice: Topics that the base reads, too, and as what.
      functions: The function behind the signature.
    """

    def __init__(self, base: AttachedBase, kernels: Mapping[str, ServedKernels]) -> None:
        super().__init__()
        self.kernels = dict(kernels)
        inputs = base.input_specs()
        texts = {topic: tf.TensorSpec([None], tf.string, topic) for topic in kernels}
        self.specs = inputs | texts
        # a model may read the domain, too, as a number or in another shape
        self.read_twice = {topic: inputs[topic] for topic in kernels if topic in inputs}

        @tf.function(autograph=False, input_signature=[self.specs])
        def serving_default(rows: dict[str, Any]) -> dict[str, Any]:
            return _scored(base, self.kernels, rows, self.read_twice)

        self.functions = {"serving_default": serving_default}
        self._saved_variables = variables_read(self.functions, self.kernels)
        self._tracked = base.tracked()


def _scored(
    base: AttachedBase,
    kernels: Mapping[str, ServedKernels],
    rows: Mapping[str, Any],
    read_twice: Specs,
) -> dict[str, Any]:
    own = {}
    for topic, spec in read_twice.items():
        texts = rows[topic]
        number = spec.dtype != tf.string
        own[topic] = placed(tf.strings.to_number(texts, spec.dtype) if number else texts, spec)
    known = base.knowledge({**rows, **own})
    linear = base.head is not None
    # flat, so that no optimizer joins the last layer with what follows
    into = {t: tf.reshape(z, [-1]) for t, z in base.logits(known).items()} if linear else known
    adapted, fallback = dict(into), []
    for topic, served in kernels.items():
        codes = served.codes(as_texts(rows[topic], topic))
        fallback.append(tf.equal(codes, 0))
        for task, added in served(known, codes).items():
            adapted[task] += tf.reshape(added, [-1]) if linear else added
    if linear:
        logits = {task: z[:, tf.newaxis] for task, z in adapted.items()}
    else:
        logits = base.logits(adapted)
    found = {task: tf.reshape(p, [-1]) for task, p in base.probabilities(logits).items()}
    return found | {USED_FALLBACK: tf.stack(fallback, axis=1)}


def export_attached(
    model: AdaptedModel,
    output: str | Path,
    *,
    sample: Mapping[str, Any] | None = None,
    name: str | None = None,
    allow_signature_change: bool = False,
) -> Path:
    """Writes the next version of one SavedModel, which needs neither Keras nor this package.

    It takes the inputs of the base as they are, and for each topic the name of a row's domain; rows
    of domains without a kernel are scored by the base. From the base of a `KnowledgeTable` it is a
    small model of kernels alone: vectors, logits and domains in, probabilities out.

    Args:
      model: What `fine_tune_attached` gave.
      output: Folder of versions; the next free integer is taken.
      sample: Features of some rows, which warm the server up; a subclassed Keras model needs them
        if it has seen none. None: one row of zeros and empty texts.
      name: Name of the model in requests; by default `keras`, `saved_model` or `table`.
      allow_signature_change: See `publish_version`.

    Returns:
      Folder of the version.

    Raises:
      DataError: Clients of the newest version would fail, or an answer is not finite.
      SchemaError: A base of this package, or kernels that read more than knowledge.

    Example:
      >>> version = export_attached(model, "runs/own/export")
    """
    base = model.base
    if not isinstance(base, AttachedBase):
        raise SchemaError(f"expected an attached base, export is for a {type(base).__name__}")
    if sample is not None:
        base.check(sample)
    with kernels_to_serve(base, model.kernels) as (kernels, description, files):
        module = AttachedModule(base, kernels)
        return publish_version(
            Path(output),
            module,
            module.functions,
            name=name or base.kind,
            warm_up=_warm_up(module, sample, description["kernels"]),
            description={"kind": base.kind, **description},
            extra_files=files,
            allow_signature_change=allow_signature_change,
        )


def _warm_up(
    module: AttachedModule, sample: Mapping[str, Any] | None, kernels: Mapping[str, Any]
) -> Requests:
    row = one_row(module.specs)
    for topic, spec in module.read_twice.items():
        row[topic] = np.array(["" if spec.dtype == tf.string else "0"], object)
    for column, values in (sample or {}).items():
        if column in kernels:
            row[column] = as_texts(values[:1], column).numpy()
        elif column in row:
            row[column] = placed(values[:1], module.specs[column]).numpy()
    return [("serving_default", row), ("serving_default", every_domain(row, kernels))]

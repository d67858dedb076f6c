"""`AttachedModule`: a base from elsewhere and its kernels as a server runs them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.served_kernels import ServedKernels
from tfrec_mt.bases.attached_base import AttachedBase, Specs, as_texts, one_row, placed
from tfrec_mt.serving.kernel_files import variables_read
from tfrec_mt.serving.signatures import USED_FALLBACK
from tfrec_mt.serving.warm_up import Requests, every_domain


class AttachedModule(tf.Module):
    """Maps the inputs of a base and the names of rows' domains to probabilities.

    Ids that kernels remember and that the base does not read are inputs, too, as texts.

    Outputs are each task's probability `[B]`, and `used_fallback` `[B, T]`: for which topics, in
    the order of `kernels`, a row's domain has no kernel.

    Args:
      base: The base.
      kernels: The kernels of each topic.

    Attributes:
      specs: Inputs by name.
      given_as_texts: Inputs that are texts: domains, and ids that the base does not read.
      read_twice: Topics that the base reads too, with the specs that it reads.
      functions: The functions behind the signatures, by name.
    """

    def __init__(self, base: AttachedBase, kernels: Mapping[str, ServedKernels]) -> None:
        super().__init__()
        self.kernels = dict(kernels)
        inputs = base.input_specs()
        texts = {topic: tf.TensorSpec([None], tf.string, topic) for topic in kernels}
        ids = sorted({name for served in self.kernels.values() for name in served.remembers})
        own_ids = {name: tf.TensorSpec([None], tf.string, name) for name in ids}
        self.specs = own_ids | inputs | texts
        self.given_as_texts = {*texts} | ({*ids} - {*inputs})
        # the model may read the domain too, as a number or in another shape
        self.read_twice = {topic: inputs[topic] for topic in kernels if topic in inputs}

        @tf.function(autograph=False, input_signature=[self.specs])
        def serving_default(rows: dict[str, Any]) -> dict[str, Any]:
            return _scored(base, self.kernels, rows, self.read_twice, ids)

        self.functions = {"serving_default": serving_default}
        self._saved_variables = variables_read(self.functions, self.kernels)
        self._tracked = base.tracked()


def _scored(
    base: AttachedBase,
    kernels: Mapping[str, ServedKernels],
    rows: Mapping[str, Any],
    read_twice: Specs,
    remembered: Sequence[str],
) -> dict[str, Any]:
    own = {}
    for topic, spec in read_twice.items():
        texts = rows[topic]
        number = spec.dtype != tf.string
        own[topic] = placed(tf.strings.to_number(texts, spec.dtype) if number else texts, spec)
    known = base.knowledge({**rows, **own})
    ids = base.ids({name: _whole(rows[name]) for name in remembered}, remembered)
    offsets = []
    linear = base.head is not None
    # flat, so that no graph optimizer fuses the last layer with what follows
    into = {t: tf.reshape(z, [-1]) for t, z in base.logits(known).items()} if linear else known
    adapted, fallback = dict(into), []
    for topic, served in kernels.items():
        codes = served.codes(as_texts(rows[topic], topic))
        fallback.append(tf.equal(codes, 0))
        offsets.append(served.remembered(ids, codes, known))
        for task, added in served(known, codes).items():
            adapted[task] += tf.reshape(added, [-1]) if linear else added
    if linear:
        logits = {task: z[:, tf.newaxis] for task, z in adapted.items()}
    else:
        logits = dict(base.logits(adapted))
    for of_topic in offsets:
        for task, offset in of_topic.items():
            logits[task] += offset[:, tf.newaxis]
    found = {task: tf.reshape(p, [-1]) for task, p in base.probabilities(logits).items()}
    return found | {USED_FALLBACK: tf.stack(fallback, axis=1)}


def _whole(ids: Any) -> Any:
    """A column of ids as whole numbers, even if the model reads it as float."""
    return tf.cast(ids, tf.int64) if ids.dtype.is_floating else ids


def warm_up_requests(
    module: AttachedModule,
    sample: Mapping[str, Any] | None,
    kernels: Mapping[str, Sequence[str]],
) -> Requests:
    """Requests of one row, from a sample or of zeros and empty texts: alone and in every domain."""
    row = one_row(module.specs)
    for topic, spec in module.read_twice.items():
        row[topic] = np.array(["" if spec.dtype == tf.string else "0"], object)
    for column, values in (sample or {}).items():
        if column in module.given_as_texts:
            row[column] = as_texts(values[:1], column).numpy()
        elif column in row:
            row[column] = placed(values[:1], module.specs[column]).numpy()
    return [("serving_default", row), ("serving_default", every_domain(row, kernels))]

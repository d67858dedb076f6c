"""Checks of a registered adapter before it is trained."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.served_kernels import ServedKernels, write_domains
from tfrec_mt.errors import SchemaError

_DOMAINS = ("one", "two")
_ROWS = 6
_TOLERANCE = 1e-4


def check_adapter(
    name: str,
    kind: type[DomainKernels],
    settings: Mapping[str, Any],
    knowledge_widths: Mapping[str, int],
) -> None:
    """Checks the contract of a registered adapter on random weights and a few rows.

    Args:
      name: Its name, for errors.
      kind: The adapter.
      settings: Its arguments apart from topic, domains and widths.
      knowledge_widths: Width of the base's knowledge by task.

    Raises:
      SchemaError: A method returned something else than expected.
    """
    layer = kind(
        topic="topic", domains=_DOMAINS, knowledge_widths=dict(knowledge_widths), **settings
    )
    rng = np.random.default_rng(0)
    layer.align({task: rng.normal(size=width) for task, width in knowledge_widths.items()})
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(scale=0.3, size=weight.shape))
    for weight in layer.kernel_weights:
        if weight.shape[0] != len(_DOMAINS):
            raise SchemaError(
                f"adapter {name!r}: expected a first axis of {len(_DOMAINS)} domains of weight "
                f"{weight.name!r}, got shape {tuple(weight.shape)}"
            )
    rows = {
        task: tf.constant(rng.normal(size=(_ROWS, width)), tf.float32)
        for task, width in knowledge_widths.items()
    }
    codes = tf.constant([0, 1, 2, 1, 2, 0])
    ids = dict.fromkeys(layer.needed_features, tf.zeros_like(codes))
    added = layer(rows, codes, ids=ids)
    for task, width in knowledge_widths.items():
        if list(added[task].shape) != [_ROWS, width]:
            raise SchemaError(
                f"adapter {name!r}: expected a residual of shape {[_ROWS, width]} for task "
                f"{task!r}, got {list(added[task].shape)}"
            )
    if not layer.needed_features:  # kernels that need features are not served
        with TemporaryDirectory() as folder:
            domains = Path(folder) / "domains.txt"
            write_domains(domains, _DOMAINS)
            served = ServedKernels(domains, layer.folded(None))
            expected = served(rows, served.codes(tf.gather(["none", *_DOMAINS], codes)))
        for task, values in added.items():
            difference = float(tf.reduce_max(tf.abs(expected[task] - values)))
            if not difference <= _TOLERANCE:
                raise SchemaError(
                    f"adapter {name!r}: expected `folded` to add what `residual` adds, they differ "
                    f"by {difference:.1e} for task {task!r}"
                )
    layer.scale_residuals(np.zeros(len(_DOMAINS)))
    left = max(float(tf.reduce_max(tf.abs(x))) for x in layer(rows, codes, ids=ids).values())
    if left != 0.0:
        raise SchemaError(
            f"adapter {name!r}: expected nothing to be added after scale_residuals(0), got {left}"
        )

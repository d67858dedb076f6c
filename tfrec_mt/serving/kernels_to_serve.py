"""Kernels in the form in which a SavedModel holds them."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.served_kernels import ServedKernels, write_domains
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.models.model_store import fingerprint
from tfrec_mt.serving.kernel_files import (
    DIRECTIONS_FILE,
    MEMORIES,
    SLOPES,
    directions_as_bytes,
    domains_file,
    folded_to_serve,
)


@contextlib.contextmanager
def kernels_to_serve(
    base: BaseModel, kernels: Sequence[DomainKernels]
) -> Iterator[tuple[dict[str, ServedKernels], dict[str, Any], dict[str, bytes]]]:
    """Yields the kernels of each topic, their entries in the manifest, and files for later ones.

    The files that the kernels name exist until the block ends.

    Args:
      base: The base.
      kernels: Kernels behind it.

    Raises:
      SchemaError: They read more than knowledge.
    """
    directions = None
    if base.head is not None:
        directions = {task: np.array(u) for task, u in base.head.directions().items()}
    folded = {layer.topic: folded_to_serve(layer, directions) for layer in kernels}
    files = {} if directions is None else {DIRECTIONS_FILE: directions_as_bytes(directions)}
    description = {
        "base_fingerprint": fingerprint(base),
        "kernels": {layer.topic: list(layer.domains) for layer in kernels},
        SLOPES: {topic: of_topic.negative_slope for topic, of_topic in folded.items()},
        MEMORIES: {
            layer.topic: [*layer.memory.features] for layer in kernels if layer.memory is not None
        },
    }
    with tempfile.TemporaryDirectory() as lists:
        served = {}
        for layer in kernels:
            domains = Path(lists) / domains_file(layer.topic)
            write_domains(domains, layer.domains)
            served[layer.topic] = ServedKernels(domains, folded[layer.topic], layer.memory)
        yield served, description, files


def weights_of_one(kernels: Mapping[str, ServedKernels]) -> int:
    """Number of weights of the largest kernel of a domain."""
    return max((served.weights_of_one for served in kernels.values()), default=0)

"""The file of one kernel: its weights and what they are, in the safetensors format."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tfrec_mt.storage.description import checked_description

FORMAT_VERSION = 3
SUFFIX = ".safetensors"
# One key of the metadata: safetensors writes several in any order.
_KEY = "kernel"
_KEYS = ("adapter", "topic", "domain", "config", "beside", "base_fingerprint", "sha256")


def write_kernel(
    path: Path, description: Mapping[str, Any], weights: Mapping[str, np.ndarray]
) -> None:
    """Writes a kernel.

    Args:
      path: The file.
      description: JSON values: its adapter, topic, domain, config, what it was trained beside and
        the fingerprint of its base.
      weights: By name.
    """
    value = {"format_version": FORMAT_VERSION, **description}
    value["sha256"] = _digest(value, weights)
    save_file(dict(weights), path, {_KEY: json.dumps(value)})


def read_kernel(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The description and the weights of a kernel.

    Raises:
      ValueError: The file is not there, damaged or of another format.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(_KEY, "")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    value = checked_description(text, path, FORMAT_VERSION, _KEYS)
    expected, found = value.pop("sha256"), _digest(value, weights)
    if found != expected:
        raise ValueError(f"{path} is damaged: SHA-256 {found[:12]}, expected {expected[:12]}")
    return value, weights


def _digest(description: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of all that a kernel is, apart from how the file arranges it."""
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name, values in sorted(weights.items()):
        digest.update(f"{name} {values.dtype} {values.shape} ".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()

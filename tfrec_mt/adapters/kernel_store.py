"""Kernels on disk: one small folder per domain, bound to the base it was trained behind."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_file

FORMAT_VERSION = 1
KERNEL_FILE = "kernel.json"
WEIGHTS_FILE = "weights.npz"


class KernelStoreError(ValueError):
    """A kernel that is damaged, or does not belong to this base or beside these kernels."""


def save_kernels(layer: DomainKernels, folder: Path, base_fingerprint: str) -> None:
    """Writes each domain's kernel into `folder/<topic>/<domain>/`."""
    kinds = {kind: name for name, kind in ADAPTERS.items()}
    config = {k: v for k, v in layer.get_config().items() if k in _kernel_settings(layer)}
    for domain in layer.domains:
        with published_folder(folder / layer.topic / domain) as temporary:
            with (temporary / WEIGHTS_FILE).open("wb") as file:
                np.savez(file, **layer.kernel(domain))  # type: ignore[arg-type]
            value = {
                "format_version": FORMAT_VERSION,
                "adapter": kinds[type(layer)],
                "topic": layer.topic,
                "domain": domain,
                "config": config,
                "base_fingerprint": base_fingerprint,
                "weights_sha256": hash_file(temporary / WEIGHTS_FILE),
            }
            (temporary / KERNEL_FILE).write_text(json.dumps(value, indent=1), encoding="utf-8")


def _kernel_settings(layer: DomainKernels) -> set[str]:
    """Names of the settings that say how a kernel is shaped, apart from where it is used."""
    return set(layer.get_config()) - {"name", "trainable", "dtype", "topic", "domains"}


def load_kernels(folder: Path, base_fingerprint: str) -> list[DomainKernels]:
    """Reads all kernels below a folder, one layer per topic.

    Raises:
      KernelStoreError: None are there, or one is damaged, of another base, or differs in kind
        or shape from the others of its topic.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted(folder.glob(f"*/*/{KERNEL_FILE}")):
        value = _read(path, base_fingerprint)
        found.setdefault(value["topic"], {})[value["domain"]] = value | {"path": path.parent}
    if not found:
        raise KernelStoreError(f"{folder} holds no kernels")
    return [_layer(topic, kernels) for topic, kernels in found.items()]


def _read(path: Path, base_fingerprint: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if value["format_version"] > FORMAT_VERSION:
        raise KernelStoreError(f"{path}: format {value['format_version']} is newer than this release")
    if value["adapter"] not in ADAPTERS:
        raise KernelStoreError(f"{path}: unknown adapter {value['adapter']!r}")
    if value["base_fingerprint"] != base_fingerprint:
        raise KernelStoreError(
            f"{path}: this kernel was trained behind base {value['base_fingerprint'][:12]}, "
            f"it cannot be attached to base {base_fingerprint[:12]}"
        )
    if hash_file(path.parent / WEIGHTS_FILE) != value["weights_sha256"]:
        raise KernelStoreError(f"{path.parent / WEIGHTS_FILE} is damaged: its SHA-256 differs")
    return value


def _layer(topic: str, kernels: dict[str, dict[str, Any]]) -> DomainKernels:
    first = next(iter(kernels.values()))
    for domain, value in kernels.items():
        if (value["adapter"], value["config"]) != (first["adapter"], first["config"]):
            raise KernelStoreError(
                f"{value['path']}: the kernel of {topic}={domain} has other settings than the one "
                f"in {first['path']}; kernels of a topic share theirs"
            )
    layer = ADAPTERS[first["adapter"]](topic=topic, domains=tuple(kernels), **first["config"])
    for domain, value in kernels.items():
        with np.load(value["path"] / WEIGHTS_FILE, allow_pickle=False) as weights:
            layer.set_kernel(domain, dict(weights))
    return layer

"""Kernels on disk: one small folder per domain, bound to the base it was trained behind."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.knowledge_view import KnowledgeView
from tfrec_mt.errors import nearest
from tfrec_mt.storage.description import read_description
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_file, verify_files

FORMAT_VERSION = 2
KERNEL_FILE = "kernel.json"
WEIGHTS_FILE = "weights.npz"
_KEYS = ("adapter", "topic", "domain", "config", "base_fingerprint", "weights_sha256")

# One folder name: no separator, plain or escaped, no control character, not hidden.
_FOLDER_NAME = re.compile(r"(?!\.)[^/\\%\x00-\x1f\x7f]{1,64}")


class KernelStoreError(ValueError):
    """A kernel that is damaged, or does not belong to this base or beside these kernels."""


def check_domain_names(topic: str, domains: Iterable[str]) -> None:
    """Checks that each domain's name can be the name of its kernel's folder.

    Raises:
      KernelStoreError: Names the domain that cannot.
    """
    for domain in domains:
        if not _FOLDER_NAME.fullmatch(domain):
            raise KernelStoreError(
                f"topic {topic!r}: domain {domain!r} cannot name a folder: expected 1 to 64 "
                "characters without '/', '\\', '%' and control characters, not starting with '.'"
            )


def save_kernels(
    layer: DomainKernels,
    folder: Path,
    base_fingerprint: str,
    view: KnowledgeView | None = None,
    beside: Sequence[str] = (),
) -> None:
    """Writes each domain's kernel into `folder/<topic>/<domain>/`.

    Args:
      layer: The kernels.
      folder: Where to.
      base_fingerprint: Of the base they were trained behind.
      view: What they were trained to see; on disk they see knowledge as it is.
      beside: Other topics whose kernels they were trained to be added to.

    Raises:
      KernelStoreError: A domain's name cannot be a folder's; nothing is written.
      FileExistsError: A kernel of one of the domains is there; nothing is written.
    """
    check_domain_names(layer.topic, layer.domains)
    targets = {domain: folder / layer.topic / domain for domain in layer.domains}
    taken = [str(target) for target in targets.values() if target.exists()]
    if taken:
        raise FileExistsError(f"kernels exist: {', '.join(taken)}; choose another folder")
    kinds = {kind: name for name, kind in ADAPTERS.items()}
    config = {k: v for k, v in layer.get_config().items() if k in _kernel_settings(layer)}
    for domain, target in targets.items():
        with published_folder(target) as temporary:
            with (temporary / WEIGHTS_FILE).open("wb") as file:
                np.savez(file, **layer.kernel(domain, view))  # type: ignore[arg-type]
            value = {
                "format_version": FORMAT_VERSION,
                "adapter": kinds[type(layer)],
                "topic": layer.topic,
                "domain": domain,
                "config": config,
                "beside": list(beside),
                "base_fingerprint": base_fingerprint,
                "weights_sha256": hash_file(temporary / WEIGHTS_FILE),
            }
            (temporary / KERNEL_FILE).write_text(json.dumps(value, indent=1), encoding="utf-8")


def _kernel_settings(layer: DomainKernels) -> set[str]:
    """Names of the settings that say how a kernel is shaped, apart from where it is used."""
    left_out = {"name", "trainable", "dtype", "topic", "domains", "seen_widths"}
    return set(layer.get_config()) - left_out


def load_kernels(folder: Path, base_fingerprint: str) -> list[DomainKernels]:
    """Reads all kernels below a folder, one layer per topic.

    Warns of kernels that were trained to be added to those of a topic that is not there.

    Raises:
      KernelStoreError: None are there, or one is damaged, of another base, or differs in kind
        or shape from the others of its topic.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    # hidden folders are what a killed run left behind
    for path in sorted(folder.glob(f"[!.]*/[!.]*/{KERNEL_FILE}")):
        value = _read(path, base_fingerprint)
        found.setdefault(value["topic"], {})[value["domain"]] = value | {"path": path.parent}
    if not found:
        raise KernelStoreError(f"{folder} holds no kernels")
    descriptions = [value for kernels in found.values() for value in kernels.values()]
    warn_of_missing_topics(folder, descriptions, found)
    return [_layer(topic, kernels) for topic, kernels in found.items()]


def weights_of_kernels(folder: Path) -> dict[str, str]:
    """SHA-256 of the weights of all kernels below a folder, by `TOPIC/DOMAIN`."""
    paths = sorted(folder.glob(f"[!.]*/[!.]*/{WEIGHTS_FILE}"))
    return {path.parent.relative_to(folder).as_posix(): hash_file(path) for path in paths}


def load_kernel(folder: Path, base_fingerprint: str) -> DomainKernels:
    """Reads the kernel of one domain, `.../TOPIC/DOMAIN`.

    Raises:
      KernelStoreError: None is there, or it is damaged or of another base.
    """
    path = folder / KERNEL_FILE
    if not path.is_file():
        raise KernelStoreError(f"{folder} holds no kernel: expected a folder .../TOPIC/DOMAIN")
    value = _read(path, base_fingerprint)
    return _layer(value["topic"], {value["domain"]: value | {"path": folder}})


def kernel_description(folder: Path) -> dict[str, Any]:
    """What the file of one domain's kernel, `.../TOPIC/DOMAIN`, says of it, unchecked."""
    return dict(json.loads((folder / KERNEL_FILE).read_text(encoding="utf-8")))


def warn_of_missing_topics(
    place: Path, descriptions: Iterable[Mapping[str, Any]], present: Collection[str]
) -> None:
    """Warns of kernels that were trained to be added to those of a topic that has none.

    Args:
      place: Where the kernels are.
      descriptions: See `kernel_description`.
      present: Topics with kernels.
    """
    beside: dict[str, set[str]] = {}
    for value in descriptions:
        beside.setdefault(value["topic"], set()).update(value.get("beside", ()))
    for topic, others in beside.items():
        if missing := sorted(others - set(present)):
            logging.warning(
                "%s: kernels of %s were trained as a sum with those of %s, which are not here; "
                "alone they correct less than kernels that were trained alone",
                place,
                topic,
                ", ".join(missing),
            )


def _read(path: Path, base_fingerprint: str) -> dict[str, Any]:
    try:
        value = read_description(path, FORMAT_VERSION, _KEYS)
        verify_files(path.parent, {WEIGHTS_FILE: value["weights_sha256"]})
    except ValueError as error:
        raise KernelStoreError(str(error)) from error
    if value["adapter"] not in ADAPTERS:
        raise KernelStoreError(
            f"{path}: unknown adapter {value['adapter']!r}; {nearest(value['adapter'], ADAPTERS)}"
        )
    if (value["topic"], value["domain"]) != (path.parent.parent.name, path.parent.name):
        raise KernelStoreError(
            f"{path}: this kernel is of {value['topic']}={value['domain']}; its folder must be "
            "called that too, so that no domain has two"
        )
    if value["base_fingerprint"] != base_fingerprint:
        raise KernelStoreError(
            f"{path}: this kernel was trained behind base {value['base_fingerprint'][:12]}, "
            f"it cannot be attached to base {base_fingerprint[:12]}"
        )
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
            try:
                layer.set_kernel(domain, dict(weights))
            except ValueError as error:
                raise KernelStoreError(f"{value['path'] / WEIGHTS_FILE}: {error}") from error
    return layer

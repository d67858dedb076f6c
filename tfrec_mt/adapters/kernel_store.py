"""Kernels on disk: one small file per domain, bound to the base it was trained behind."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import logging
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tfrec_mt.adapters.catalog import ADAPTERS
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.knowledge_view import KnowledgeView
from tfrec_mt.adapters.memory import (
    MEMORY_ARRAYS,
    Axes,
    Memory,
    Remembered,
    axes_arrays,
    check_axes,
    split_axes,
    width,
)
from tfrec_mt.errors import DataError, nearest
from tfrec_mt.storage.created import created_within
from tfrec_mt.storage.description import checked_description
from tfrec_mt.storage.file_names import file_name
from tfrec_mt.storage.folders import published_file
from tfrec_mt.storage.hashes import hash_file
from tfrec_mt.storage.inside import check_inside

FORMAT_VERSION = 3
SUFFIX = ".safetensors"
# The only key of the metadata: safetensors writes several keys in arbitrary order.
_KEY = "kernel"
_KEYS = ("adapter", "topic", "domain", "config", "beside", "base_fingerprint", "sha256")


def write_kernel(
    path: Path, description: Mapping[str, Any], weights: Mapping[str, np.ndarray]
) -> None:
    """Writes a kernel's description, as JSON values, and weights in the safetensors format."""
    value = {"format_version": FORMAT_VERSION, **description}
    value["sha256"] = _digest(value, weights)
    save_file(dict(weights), path, {_KEY: json.dumps(value)})


def read_kernel(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The description and the weights of a kernel.

    Raises:
      ValueError: The file is missing, damaged or of another format.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(_KEY, "")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, AttributeError, TypeError) as error:  # a type that NumPy lacks
        raise ValueError(f"{path} is damaged: {error}") from error
    value = checked_description(text, path, FORMAT_VERSION, _KEYS)
    expected, found = value.pop("sha256"), _digest(value, weights)
    if found != expected:
        raise ValueError(f"{path} is damaged: SHA-256 {found[:12]}, expected {expected!s:.12}")
    return value, weights


def _digest(description: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of a kernel, independent of the file's layout."""
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name, values in sorted(weights.items()):
        digest.update(f"{name} {values.dtype} {values.shape} ".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


# Key of the description: features whose ids a kernel remembers, if any.
_MEMORY = "memory"
# File in a domain's folder in the previous format.
_OLD_FILE = "kernel.json"
# Domains that older releases, which did not escape names, used as file names.
_PLAIN_NAME = re.compile(r"(?!\.)[^/\\%\x00-\x1f\x7f]{1,64}")

# Settings of a layer that do not shape its kernels.
_NOT_OF_A_KERNEL = ("name", "trainable", "dtype", "topic", "domains", "seen_widths", _MEMORY)


class KernelStoreError(ValueError):
    """A kernel that is damaged, or does not belong to this base or these kernels."""


def save_kernels(
    layer: DomainKernels,
    folder: Path,
    base_fingerprint: str,
    view: KnowledgeView | None = None,
    beside: Sequence[str] = (),
) -> None:
    """Writes each domain's kernel into a file `folder/<topic>/<domain>.safetensors`.

    A domain may have any name; see `file_name`.

    Args:
      layer: The kernels.
      folder: Parent of the topics' folders.
      base_fingerprint: Of the base they were trained behind.
      view: The view that they were trained with; on disk they read plain knowledge.
      beside: Other topics whose kernels they were trained to be added to.

    Raises:
      FileExistsError: A kernel of one of the domains exists; nothing is written.
    """
    targets = {domain: kernel_path(folder, layer.topic, domain) for domain in layer.domains}
    taken = [str(target) for target in targets.values() if target.exists()]
    if taken:
        raise FileExistsError(f"kernels exist: {', '.join(taken)}; choose another folder")
    kinds = {kind: name for name, kind in ADAPTERS.items()}
    shared = {
        "adapter": kinds[type(layer)],
        "topic": layer.topic,
        "config": {k: v for k, v in layer.get_config().items() if k not in _NOT_OF_A_KERNEL},
        "beside": list(beside),
        "base_fingerprint": base_fingerprint,
    }
    memory = layer.memory
    if memory is not None:
        shared[_MEMORY] = layer.get_config()[_MEMORY]
    for place, (domain, target) in enumerate(targets.items()):
        weights = layer.kernel(domain, view)
        if memory is not None:
            weights |= dict(zip(MEMORY_ARRAYS, memory.domains[place], strict=True))
            weights |= axes_arrays({task: axes[place] for task, axes in memory.axes.items()})
        with published_file(target) as temporary:
            write_kernel(temporary, shared | {"domain": domain}, weights)


def load_kernels(folder: Path, base_fingerprint: str) -> list[DomainKernels]:
    """Reads all kernels below a folder, one layer per topic.

    Warns of kernels that were trained to be served with those of a missing topic.

    Raises:
      KernelStoreError: There are none, or one is damaged, of another base, or differs in kind or
        shape from the others of its topic.
    """
    found: dict[str, dict[str, _Kernel]] = {}
    for path in kernel_paths(folder):
        kernel = _read(path, base_fingerprint)
        found.setdefault(kernel.value["topic"], {})[kernel.value["domain"]] = kernel
    if not found:
        raise KernelStoreError(f"{folder} holds no kernels")
    descriptions = [kernel.value for kernels in found.values() for kernel in kernels.values()]
    warn_of_missing_topics(folder, descriptions, found)
    return [_layer(topic, kernels) for topic, kernels in found.items()]


def kernel_path(folder: Path, topic: str, domain: str) -> Path:
    """File of a domain's kernel below a folder."""
    path = folder / file_name(topic) / f"{file_name(domain)}{SUFFIX}"
    if not path.exists() and _PLAIN_NAME.fullmatch(domain):
        plain = folder / topic / f"{domain}{SUFFIX}"
        return plain if plain.exists() else path
    return path


def kernel_paths(folder: Path) -> list[Path]:
    """Files of all kernels below a folder, in the order of their names.

    Raises:
      KernelStoreError: A kernel is in the format of an older release, or a link leads out.
    """
    for path in folder.glob(f"[!.]*/[!.]*/{_OLD_FILE}"):
        _refuse_older(path.parent)
    # hidden files are left over from killed runs
    paths = sorted(folder.glob(f"[!.]*/[!.]*{SUFFIX}"), key=lambda path: path.with_suffix(""))
    try:
        check_inside(folder, (path.relative_to(folder).as_posix() for path in paths), folder)
    except DataError as error:
        raise KernelStoreError(str(error)) from error
    return paths


def hashes_of_kernels(folder: Path) -> dict[str, str]:
    """SHA-256 of the files of all kernels below a folder, by `TOPIC/DOMAIN`."""
    names = {path: path.relative_to(folder).as_posix() for path in kernel_paths(folder)}
    return {name.removesuffix(SUFFIX): hash_file(path) for path, name in names.items()}


def load_kernel(path: Path, base_fingerprint: str) -> DomainKernels:
    """Reads the kernel of one domain, `.../TOPIC/DOMAIN.safetensors`.

    Raises:
      KernelStoreError: It is missing, damaged or of another base.
    """
    if (path / _OLD_FILE).is_file():
        _refuse_older(path)
    if not path.is_file():
        raise KernelStoreError(f"{path} is no kernel: expected a file .../TOPIC/DOMAIN{SUFFIX}")
    kernel = _read(path, base_fingerprint)
    return _layer(kernel.value["topic"], {kernel.value["domain"]: kernel})


def warn_of_missing_topics(
    place: Path, descriptions: Iterable[Mapping[str, Any]], present: Collection[str]
) -> None:
    """Warns of kernels that were trained to be served with those of a missing topic.

    Args:
      place: Where the kernels are.
      descriptions: See `read_kernel`.
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


class _Kernel(NamedTuple):
    """A kernel's file; see `read_kernel`."""

    path: Path
    value: dict[str, Any]
    weights: dict[str, np.ndarray]


def _refuse_older(folder: Path) -> None:
    raise KernelStoreError(
        f"{folder}: a kernel of format 2, a folder for each domain; this release reads format "
        f"{FORMAT_VERSION}, a file .../TOPIC/DOMAIN{SUFFIX}; train the kernels again"
    )


def _read(path: Path, base_fingerprint: str) -> _Kernel:
    try:
        value, weights = read_kernel(path)
    except ValueError as error:
        raise KernelStoreError(str(error)) from error
    texts = ("adapter", "topic", "domain", "base_fingerprint")
    if wrong := [key for key in texts if not isinstance(value[key], str)]:
        raise KernelStoreError(f"{path} is damaged: expected a text as {wrong[0]}")
    if value["adapter"] not in ADAPTERS:
        raise KernelStoreError(
            f"{path}: unknown adapter {value['adapter']!r}; {nearest(value['adapter'], ADAPTERS)}"
        )
    named = kernel_path(path.parent.parent, value["topic"], value["domain"])
    if path.parts[-2:] != named.parts[-2:]:
        raise KernelStoreError(
            f"{path}: this kernel is of {value['topic']}={value['domain']}; its file must be "
            f"called {'/'.join(named.parts[-2:])}, so that no domain has two"
        )
    if value["base_fingerprint"] != base_fingerprint:
        raise KernelStoreError(
            f"{path}: this kernel was trained behind base {value['base_fingerprint'][:12]}, "
            f"it cannot be attached to base {base_fingerprint[:12]}"
        )
    return _Kernel(path, value, weights)


def _layer(topic: str, kernels: Mapping[str, _Kernel]) -> DomainKernels:
    first = next(iter(kernels.values()))
    for domain, kernel in kernels.items():
        if any(kernel.value.get(k) != first.value.get(k) for k in ("adapter", "config", _MEMORY)):
            raise KernelStoreError(
                f"{kernel.path}: the kernel of {topic}={domain} has other settings than the one "
                f"in {first.path}; kernels of a topic share theirs"
            )
    kind = ADAPTERS[first.value["adapter"]]
    remembered = [_remembered(kernel) for kernel in kernels.values()]
    stored = [values.size for kernel in kernels.values() for values in kernel.weights.values()]
    try:
        # a configuration of a few bytes may claim a rank of any size
        with created_within(len(stored), sum(stored)):
            layer = kind(topic=topic, domains=tuple(kernels), **first.value["config"])
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise KernelStoreError(
            f"{first.path}: its weights and configuration disagree: {error}"
        ) from error
    for domain, kernel in kernels.items():
        try:
            layer.set_kernel(domain, kernel.weights)
        except ValueError as error:
            raise KernelStoreError(f"{kernel.path}: {error}") from error
    if _MEMORY in first.value:
        layer.memory = _memory(layer, kernels, remembered)
    return layer


def _remembered(kernel: _Kernel) -> tuple[Remembered, Axes]:
    """Removes a kernel's memory from its weights and returns it, and its axes."""
    keys, offsets = (kernel.weights.pop(name, np.zeros(0)) for name in MEMORY_ARRAYS)
    axes, _ = split_axes(kernel.weights)
    for name in axes_arrays(axes):
        del kernel.weights[name]
    return Remembered(keys, offsets), axes


def _memory(
    layer: DomainKernels,
    kernels: Mapping[str, _Kernel],
    remembered: Sequence[tuple[Remembered, Axes]],
) -> Memory:
    first, tasks = next(iter(kernels.values())), [*layer.knowledge_widths]
    found = first.value[_MEMORY]
    lists = [found.get(key) for key in ("features", "bags")] if isinstance(found, dict) else [None]
    if not all(isinstance(x, list) and all(isinstance(name, str) for name in x) for x in lists):
        raise KernelStoreError(f"{first.path} is damaged: expected names of features as its memory")
    for kernel, (of_domain, axes) in zip(kernels.values(), remembered, strict=True):
        try:
            check_axes(axes, layer.knowledge_widths)
            of_domain.check(len(found["features"]), width(tasks, axes))
        except ValueError as error:
            raise KernelStoreError(f"{kernel.path} is damaged: {error}") from error
    every = [axes for _, axes in remembered]
    counts = {width(tasks, axes) // len(tasks) - 1 for axes in every}
    if len(counts) > 1:
        raise KernelStoreError(
            f"{first.path.parent}: expected ids with slopes along as many axes in all kernels of a "
            f"topic, got {', '.join(map(str, sorted(counts)))}"
        )
    stacked = {task: np.stack([axes[task] for axes in every]) for task in every[0]}
    return Memory(found["features"], found["bags"], tasks, [of for of, _ in remembered], stacked)

"""Adds kernels to an exported version or removes some, without its base or any data."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.kernel_store import load_kernel, read_kernel, warn_of_missing_topics
from tfrec_mt.adapters.memory import MEMORY_ARRAYS, domain_keys
from tfrec_mt.adapters.served_kernels import stacks, write_domains
from tfrec_mt.errors import nearest
from tfrec_mt.schema import DataError
from tfrec_mt.serving.bundle import MODEL_CARD, README
from tfrec_mt.serving.kernel_files import (
    MEMORIES,
    SLOPES,
    domains_file,
    folded_to_serve,
    read_directions,
    read_stacks,
    write_stacks,
)
from tfrec_mt.serving.load_saved_model import load_saved_model
from tfrec_mt.serving.versions import (
    EXTRA,
    MANIFEST_FILE,
    answered,
    description_of,
    new_version,
    newest_version,
    verified_manifest,
)
from tfrec_mt.serving.warm_up import (
    WARM_UP_FILE,
    Requests,
    every_domain,
    read_warm_up,
    write_warm_up,
)
from tfrec_mt.storage.disk_space import check_free_space, size_of
from tfrec_mt.storage.inside import copy_inside
from tfrec_mt.storage.lock import locked_folder

# Written anew, or used by logs alone (the fingerprint holds a hash of the variables).
_NOT_COPIED = (
    *("variables", "fingerprint.pb", MANIFEST_FILE, WARM_UP_FILE),
    *(README, MODEL_CARD),
)


@dataclass(frozen=True, kw_only=True)
class ExchangeConfig:
    """Which kernels to add and to remove.

    Args:
      output: Folder of versions; the next one is made from the newest.
      add: Files of kernels, `.../TOPIC/DOMAIN.safetensors`.
      remove: Topic and domain of kernels that go; one may come again in the same exchange.
    """

    output: Path
    add: Sequence[Path] = ()
    remove: Sequence[tuple[str, str]] = ()


class _Kernels:
    """The kernels of one topic of a version: domains, and the values of their stacks.

    The slope between their layers is None in versions that do not record it.
    """

    def __init__(self, version: Path, topic: str, manifest: Mapping[str, Any]) -> None:
        self.domains = list(manifest["kernels"][topic])
        self.slope = manifest.get(SLOPES, {}).get(topic)
        self.features = manifest.get(MEMORIES, {}).get(topic)
        self.stacks = read_stacks(version, topic)
        self.moved: set[str] = set()
        self._name = f"{version}: topic {topic!r}"

    def remove(self, domain: str) -> None:
        if domain not in self.domains:
            raise DataError(
                f"{self._name} has no kernel for {domain!r}; {nearest(domain, self.domains)}"
            )
        place = self.domains.index(domain)
        self.domains.pop(place)
        # the first entry of a stack is that of unknown domains
        memory = self._memory_without(place) if self.features is not None else {}
        self.stacks = {
            name: memory[name] if name in memory else np.delete(stack, place + 1, axis=0)
            for name, stack in self.stacks.items()
        }
        self.moved.add(domain)

    def add(self, layer: DomainKernels, directions: Mapping[str, np.ndarray] | None) -> None:
        (domain,) = layer.domains
        if domain in self.domains:
            raise DataError(
                f"{self._name} has a kernel for {domain!r}; remove it in the same call to have "
                "another one"
            )
        folded = folded_to_serve(layer, directions)
        features = None if layer.memory is None else [*layer.memory.features]
        if features != self.features:
            raise DataError(
                f"{self._name}: expected kernels that remember {_listed(self.features)}, "
                f"{domain!r} remembers {_listed(features)}"
            )
        if self.slope not in (None, folded.negative_slope):
            raise DataError(
                f"{self._name}: expected kernels of slope {self.slope} between layers, {domain!r} "
                f"has {folded.negative_slope}"
            )
        new = {name: values[1:] for name, values in stacks(folded).items()}
        new |= self._memory_of(layer)
        expected, found = ({n: v.shape[1:] for n, v in s.items()} for s in (self.stacks, new))
        if expected != found:
            raise DataError(f"{self._name}: expected kernels of {expected}, {domain!r} has {found}")
        self.domains.append(domain)
        self.stacks = {name: np.concatenate([self.stacks[name], new[name]]) for name in new}
        self.moved.add(domain)

    def _memory_without(self, place: int) -> dict[str, np.ndarray]:
        """The memory without the domain at a position."""
        keys, offsets = (self.stacks[name] for name in MEMORY_ARRAYS)
        first, end = (
            domain_keys(place + n, len(self.features), np.zeros(1, np.int64)) for n in (0, 1)
        )
        before, after = keys < first, keys >= end
        moved = np.concatenate([keys[before], keys[after] - (end - first)])
        left = np.concatenate([offsets[before], offsets[after]])
        return dict(zip(MEMORY_ARRAYS, (moved, left), strict=True))

    def _memory_of(self, layer: DomainKernels) -> dict[str, np.ndarray]:
        """The memory of an added kernel, as that of the topic's last domain."""
        if layer.memory is None:
            return {}
        (own,) = layer.memory.domains
        keys = domain_keys(len(self.domains), len(layer.memory.features), own.keys)
        return dict(zip(MEMORY_ARRAYS, (keys, own.offsets), strict=True))


def _listed(features: Sequence[str] | None) -> str:
    return "nothing" if features is None else ", ".join(features)


def exchange_kernels(config: ExchangeConfig) -> Path:
    """Writes the next version: the graph of the newest one with other kernels.

    Before the new version appears, it answers all warm-up requests. Its answers for domains whose
    kernels stay are compared, bit by bit, with those of the version before.

    Warns of added kernels that were trained to be summed with those of a topic that has none.

    Returns:
      Folder of the new version.

    Raises:
      DataError: There is no version, or it is damaged, has no kernels of a topic, lacks one that is
        to go, or has one that is to come; or an answer is not finite.
      KernelStoreError: A kernel is damaged or of another base.
    """
    # before the lock, which would make the folder
    newest_version(config.output)
    with locked_folder(config.output, wait=True):
        return _next_version(newest_version(config.output), config)


def _next_version(before: Path, config: ExchangeConfig) -> Path:
    manifest = verified_manifest(before)
    changed = _exchanged(before, config, manifest)
    kernels = manifest["kernels"] | {topic: kept.domains for topic, kept in changed.items()}
    present = [topic for topic, domains in kernels.items() if domains]
    descriptions = [read_kernel(path)[0] for path in config.add]
    warn_of_missing_topics(config.output, descriptions, present)
    description = description_of(manifest) | {"kernels": kernels}
    check_free_space(config.output, size_of(before), "the files of a version")
    with new_version(config.output, description) as (path, folder):
        copy_inside(before, folder, left_out=_NOT_COPIED)
        write_stacks(before, folder, {topic: kept.stacks for topic, kept in changed.items()})
        for topic, kept in changed.items():
            write_domains(folder / "assets" / domains_file(topic), kept.domains)
        requests = _with_every_domain(read_warm_up(before / EXTRA), kernels)
        write_warm_up(folder / EXTRA, manifest["name"], requests)
        moved = {topic: kept.moved for topic, kept in changed.items()}
        _check_answers(before, folder, requests, moved)
    return path


def _exchanged(
    before: Path, config: ExchangeConfig, manifest: Mapping[str, Any]
) -> dict[str, _Kernels]:
    """The kernels of every topic that changes."""
    added = [load_kernel(path, manifest["base_fingerprint"]) for path in config.add]
    changed: dict[str, _Kernels] = {}
    for topic in (*(topic for topic, _ in config.remove), *(layer.topic for layer in added)):
        if topic not in manifest["kernels"]:
            raise DataError(
                f"{before}: its graph has no place for kernels of topic {topic!r}; "
                f"{nearest(topic, manifest['kernels'])}. Export the base with some"
            )
        if topic not in changed:
            changed[topic] = _Kernels(before, topic, manifest)
    for topic, domain in config.remove:
        changed[topic].remove(domain)
    directions = read_directions(before / EXTRA)
    for layer in added:
        changed[layer.topic].add(layer, directions)
    return changed


def _with_every_domain(requests: Requests, kernels: Mapping[str, Sequence[str]]) -> Requests:
    """Replaces the last request, which is that of all domains."""
    *others, (signature, tensors) = requests
    row = {name: values[:1] for name, values in tensors.items()}
    return [*others, (signature, every_domain(row, kernels))]


def _are_in(domains: np.ndarray, names: Collection[str]) -> np.ndarray:
    """Which of a request's domains, as text or bytes, are among these names."""
    texts = [name.decode() if isinstance(name, bytes) else str(name) for name in domains]
    return np.array([text in names for text in texts])


def _check_answers(
    before: Path, after: Path, requests: Requests, moved: Mapping[str, Collection[str]]
) -> None:
    """Checks that both versions score rows alike if the kernels of their domains stay."""
    old, new = (load_saved_model(version).signatures for version in (before, after))
    for signature, tensors in requests:
        expected = answered(signature, old[signature], tensors)
        found = answered(signature, new[signature], tensors)
        if not set(moved) <= set(tensors):
            continue
        stay = ~np.any([_are_in(tensors[topic], names) for topic, names in moved.items()], axis=0)
        for name, values in expected.items():
            if not np.array_equal(values[stay], found[name][stay]):
                raise DataError(
                    f"{after}: {signature} gives another {name} for domains whose kernels stay"
                )

"""Adds kernels to an exported version or removes some, without its base or any data."""

import glob
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.kernel_store import load_kernel, read_kernel, warn_of_missing_topics
from tfrec_mt.adapters.memory import MEMORY_ARRAYS, Memory, split_axes
from tfrec_mt.adapters.served_kernels import memory_stacks, read_domains, stacks, write_domains
from tfrec_mt.errors import nearest
from tfrec_mt.schema import DataError
from tfrec_mt.serving.bundle import MODEL_CARD, README
from tfrec_mt.serving.kernel_files import (
    INDEX,
    MEMORIES,
    SLOPES,
    domains_file,
    folded_to_serve,
    read_directions,
    read_stacks,
    shards_of_base,
    write_stacks,
)
from tfrec_mt.serving.versions import (
    EXTRA,
    MANIFEST_FILE,
    description_of,
    new_version,
    newest_version,
    read_manifest,
)
from tfrec_mt.serving.warm_up import (
    WARM_UP_FILE,
    Requests,
    every_domain,
    read_warm_up,
    write_warm_up,
)
from tfrec_mt.storage.disk_space import check_free_space
from tfrec_mt.storage.hashes import VerifiedFiles
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
      replace: Whether added kernels take the place of those that their domains have.
    """

    output: Path
    add: Sequence[Path] = ()
    remove: Sequence[tuple[str, str]] = ()
    replace: bool = False


class _Kernels:
    """The kernels of one topic of a version, as a server finds them: domains, stacks and memory.

    The slope between their layers is None in versions that do not record it.
    """

    def __init__(self, version: Path, topic: str, manifest: Mapping[str, Any]) -> None:
        self.domains = read_domains(version / "assets" / domains_file(topic))
        self.slope = manifest.get(SLOPES, {}).get(topic)
        self.features = manifest.get(MEMORIES, {}).get(topic)
        self._stacks = read_stacks(version, topic)
        self._memory = None
        if self.features is not None:
            # the first key is that of `Memory.table`
            keys, offsets = (self._stacks.pop(name)[1:] for name in MEMORY_ARRAYS)
            tasks = [""] * offsets.shape[1]
            count = len(self.domains)
            self._memory = Memory.of_arrays(self.features, (), tasks, count, keys, offsets)
        self.moved: set[str] = set()
        self._name = f"{version}: topic {topic!r}"

    @property
    def stacks(self) -> dict[str, np.ndarray]:
        """Values of the variables by name."""
        return self._stacks | memory_stacks(self._memory)

    def by_domain(self) -> dict[str, list[bytes]]:
        """Each domain's values, bit by bit."""
        found = {}
        for place, domain in enumerate(self.domains):
            values = [self._stacks[name][place + 1] for name in sorted(self._stacks)]
            if self._memory is not None:
                values += self._memory.domains[place]
            found[domain] = [value.tobytes() for value in values]
        return found

    def remove(self, domain: str) -> None:
        if domain not in self.domains:
            raise DataError(
                f"{self._name} has no kernel for {domain!r}; {nearest(domain, self.domains)}"
            )
        place = self.domains.index(domain)
        self.domains.pop(place)
        # the first entry of a stack is that of unknown domains
        self._stacks = {
            name: np.delete(stack, place + 1, axis=0) for name, stack in self._stacks.items()
        }
        if self._memory is not None:
            self._memory.domains.pop(place)
        self.moved.add(domain)

    def add(self, layer: DomainKernels, directions: Mapping[str, np.ndarray] | None) -> None:
        (domain,) = layer.domains
        if domain in self.domains:
            raise DataError(
                f"{self._name} has a kernel for {domain!r}; remove it in the same call, or replace "
                "it, to have another one"
            )
        folded = folded_to_serve(layer, directions)
        memory = layer.memory
        features = None if memory is None else [*memory.features]
        axes, _ = split_axes(self._stacks)
        alike = features and self.features and features == self.features[: len(features)]
        if memory and axes and alike and not memory.axes:  # its users had too few rows
            memory = memory.padded(self.features, {t: of.shape[1:] for t, of in axes.items()})
            features = self.features
        if features != self.features:
            raise DataError(
                f"{self._name}: expected kernels that remember {_listed(self.features)}, "
                f"{domain!r} remembers {_listed(features)}; train it with the same `memory`, and "
                "with memory_axes=0 if users are the difference"
            )
        if self.slope not in (None, folded.negative_slope):
            raise DataError(
                f"{self._name}: expected kernels of slope {self.slope} between layers, {domain!r} "
                f"has {folded.negative_slope}"
            )
        new = {name: values[1:] for name, values in stacks(folded, memory).items()}
        expected, found = ({n: v.shape[1:] for n, v in s.items()} for s in (self._stacks, new))
        if expected != found:
            raise DataError(f"{self._name}: expected kernels of {expected}, {domain!r} has {found}")
        if not all(np.isfinite(values).all() for values in new.values()):
            raise DataError(
                f"{self._name}: the kernel of {domain!r} has weights that are not finite"
            )
        self.domains.append(domain)
        self._stacks = {name: np.concatenate([self._stacks[name], new[name]]) for name in new}
        if self._memory is not None and memory is not None:
            self._memory.domains += memory.domains
        self.moved.add(domain)


def _listed(features: Sequence[str] | None) -> str:
    return "nothing" if features is None else ", ".join(features)


def exchange_kernels(config: ExchangeConfig) -> Path:
    """Writes the next version: the newest one with other kernels.

    Graph, base and assets are shared with the version before, so it takes as little time and disk
    as its kernels do. Before the new version appears, what a server will find in its files for
    domains whose kernels stay is compared, bit by bit, with the version before.

    Warns of added kernels that were trained to be summed with those of a topic that has none.

    Returns:
      Folder of the new version.

    Raises:
      DataError: There is no version, or it is damaged, has no kernels of a topic, lacks one that is
        to go, or has one that is to come; or a kernel's weights are not finite.
      KernelStoreError: A kernel is damaged or of another base.
    """
    # before the lock, which would make the folder
    newest_version(config.output)
    with locked_folder(config.output, wait=True):
        return _next_version(newest_version(config.output), config)


def _next_version(before: Path, config: ExchangeConfig) -> Path:
    manifest = _verified(before)
    changed = _exchanged(before, config, manifest)
    kernels = manifest["kernels"] | {topic: kept.domains for topic, kept in changed.items()}
    present = [topic for topic, domains in kernels.items() if domains]
    descriptions = [read_kernel(path)[0] for path in config.add]
    warn_of_missing_topics(config.output, descriptions, present)
    description = description_of(manifest) | {"kernels": kernels}
    stacks = {
        topic: changed[topic].stacks if topic in changed else read_stacks(before, topic)
        for topic in kernels
    }
    needed = sum(values.nbytes for named in stacks.values() for values in named.values())
    check_free_space(config.output, needed, "the kernels of a version")
    known: dict[str, str] = {}
    with new_version(config.output, description, known) as (path, folder):
        lists = [domains_file(topic) for topic in kernels]
        copy_inside(before, folder, [*_NOT_COPIED, *map(glob.escape, lists)], linked=True)
        shared = {name: name for name in manifest["files"]}
        shared |= write_stacks(before, folder, stacks)
        known |= _hashes_of_same(before, folder, manifest["files"], shared)
        assets = folder / "assets"
        assets.mkdir(exist_ok=True)  # of a model without vocabularies it holds nothing else
        for topic, domains in kernels.items():
            write_domains(assets / domains_file(topic), domains)
        requests = _with_every_domain(read_warm_up(before / EXTRA), kernels)
        write_warm_up(folder / EXTRA, manifest["name"], requests)
        moved = {topic: kept.moved for topic, kept in changed.items()}
        _check_others(before, folder, manifest, moved)
    return path


def _verified(version: Path) -> dict[str, Any]:
    """The manifest of a version, after a check of all files but those of the base's variables.

    TensorFlow itself compares each variable with a checksum when it loads one.
    """
    manifest = read_manifest(version)
    files = VerifiedFiles(version, manifest["files"], f"{EXTRA}/{MANIFEST_FILE}")
    files.use({INDEX} & manifest["files"].keys())
    files.use(manifest["files"].keys() - shards_of_base(version))
    return manifest


def _hashes_of_same(
    before: Path, after: Path, hashes: Mapping[str, str], shared: Mapping[str, str]
) -> dict[str, str]:
    """Hashes of the files that two versions share, by path in the later one."""
    return {
        new: hashes[old]
        for new, old in shared.items()
        if old in hashes and (after / new).exists() and (after / new).samefile(before / old)
    }


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
        of_topic = changed[layer.topic]
        if config.replace and layer.domains[0] in of_topic.domains:
            of_topic.remove(layer.domains[0])
        of_topic.add(layer, directions)
    return changed


def _with_every_domain(requests: Requests, kernels: Mapping[str, Sequence[str]]) -> Requests:
    """Replaces the last request, which is that of all domains."""
    *others, (signature, tensors) = requests
    row = {name: values[:1] for name, values in tensors.items()}
    return [*others, (signature, every_domain(row, kernels))]


def _check_others(
    before: Path, after: Path, manifest: Mapping[str, Any], moved: Mapping[str, Collection[str]]
) -> None:
    """Checks that a server finds the same kernels in both versions for domains that stay."""
    for topic in manifest["kernels"]:
        old, new = (_Kernels(version, topic, manifest).by_domain() for version in (before, after))
        for domain in (old.keys() | new.keys()) - set(moved.get(topic, ())):
            if old.get(domain) != new.get(domain):
                raise DataError(
                    f"{after}: another kernel for {domain!r} of topic {topic!r}, which was to stay"
                )

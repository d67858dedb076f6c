"""Kernels of an earlier run, taken over behind another base and its data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.memory import Memory, Remembered, feature_and_code, memory_keys
from tfrec_mt.adapters.moved_kernels import KnowledgeMap, moved_kernels
from tfrec_mt.data.code_maps import CodeMaps
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.errors import SchemaError
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.models.scorer import BatchFunction
from tfrec_mt.schema import Schema
from tfrec_mt.schema.code_tables import feature_tables
from tfrec_mt.schema.schema import HISTORY_PREFIX

# Rows on which both bases are compared: some hundred for each of their knowledge's coordinates.
MAPPED_ROWS = 1 << 15
# A map that explains less carries little of what kernels know.
_LEAST_EXPLAINED = 0.5


@dataclass(frozen=True)
class Carried:
    """Kernels behind the new base.

    Attributes:
      kernels: One layer per topic that could be carried, reading plain knowledge.
      explained: By task, see `KnowledgeMap`; empty where the base is the same.
      refused: Why not, by topic.
    """

    kernels: list[DomainKernels]
    explained: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    def told(self) -> list[str]:
        """What became of each kernel, in sentences."""
        lines = [
            f"kernels of {layer.topic} are carried over: {', '.join(layer.domains)}"
            for layer in self.kernels
        ]
        lines += [
            f"kernels of {topic} are not carried over: {why}" for topic, why in self.refused.items()
        ]
        for task, share in self.explained.items():
            doubt = "; little of what they knew" if share < _LEAST_EXPLAINED else ""
            lines.append(
                f"{task}: the base's knowledge explains {share:.1%} of the earlier base's{doubt}"
            )
        return lines


def carried_kernels(
    kernels: Sequence[DomainKernels],
    earlier: BaseModel,
    base: BaseModel,
    rows: Iterable[Batch],
    codes: CodeMaps,
    schema: Schema,
) -> Carried:
    """Takes kernels over to a base with other weights or another width of knowledge.

    Args:
      kernels: Behind the earlier base; read plain knowledge.
      earlier: The base that they were trained behind.
      base: The base to carry them to.
      rows: Rows of the new data, of which the first `MAPPED_ROWS` are read.
      codes: From the new data's codes to the earlier base's.
      schema: Of the new data.

    Raises:
      SchemaError: A base has no linear head, or predicts other tasks.
    """
    if earlier.head is None or base.head is None:
        raise SchemaError("kernels are carried between bases whose logits are linear in knowledge")
    if set(earlier.tasks) != set(base.tasks):
        raise SchemaError(
            f"the kernels' base predicts {', '.join(earlier.tasks)}, "
            f"this one {', '.join(base.tasks)}"
        )
    known = _knowledge({"old": earlier, "new": base}, rows, codes, schema)
    maps = {task: KnowledgeMap.fit(known["new", task], known["old", task]) for task in base.tasks}
    directions = [
        {task: np.asarray(u) for task, u in of.head.directions().items()}  # type: ignore[union-attr]
        for of in (earlier, base)
    ]
    found, refused = [], {}
    for layer in kernels:
        try:
            moved = moved_kernels(layer, base.knowledge_widths, maps, *directions)
        except ValueError as error:
            refused[layer.topic] = str(error)
            continue
        if layer.memory is not None:
            moved.memory = recoded_memory(layer.memory, codes, schema)
            moved.memory.axes = {
                task: np.stack([maps[task].axes(of_domain) for of_domain in axes])
                for task, axes in layer.memory.axes.items()
            }
        found.append(moved)
    return Carried(found, {task: of.explained for task, of in maps.items()}, refused)


def _knowledge(
    bases: Mapping[str, BaseModel], rows: Iterable[Batch], codes: CodeMaps, schema: Schema
) -> dict[tuple[str, str], np.ndarray]:
    """Knowledge `[n, D]` by base and task."""
    forward = {name: BatchFunction(base.knowledge) for name, base in bases.items()}
    parts: dict[tuple[str, str], list[np.ndarray]] = {}
    count = 0
    for batch in rows:
        inputs = {"new": batch.features, "old": older_features(batch.features, codes, schema)}
        for name, features in inputs.items():
            for task, values in forward[name](features).items():
                parts.setdefault((name, task), []).append(values.numpy())
        count += len(next(iter(batch.features.values())))
        if count >= MAPPED_ROWS:
            break
    return {key: np.concatenate(values) for key, values in parts.items()}


def older_features(features: Mapping[str, Any], codes: CodeMaps, schema: Schema) -> dict[str, Any]:
    """A batch's features in the codes of older data."""
    _, tables = feature_tables(schema, schema.features, schema.topics)
    if schema.history:
        tables |= {HISTORY_PREFIX + name: tables[name] for name in schema.history.elements}
    return {
        name: codes.tables[tables[name]][values] if name in tables else values
        for name, values in features.items()
    }


def recoded_memory(memory: Memory, codes: CodeMaps, schema: Schema) -> Memory:
    """A memory in the codes of newer data; ids that these do not know are forgotten."""
    _, tables = feature_tables(schema, schema.features, schema.topics)
    newer = {}
    for name in memory.features:
        table = tables[name]
        older, kept = codes.tables[table], ~codes.new[table]
        inverse = np.full(codes.older_rows[table], -1, dtype=np.int64)
        inverse[older[kept]] = np.flatnonzero(kept)
        newer[name] = inverse
    domains = []
    for domain in memory.domains:
        places, old = feature_and_code(domain.keys)
        new = np.zeros_like(old)  # the domain itself has code 0
        for place, name in enumerate(memory.features, start=1):
            mine = places == place
            new[mine] = newer[name][old[mine]]
        held = new >= 0
        keys = memory_keys(places[held], new[held])
        order = np.argsort(keys)
        domains.append(Remembered(keys[order], domain.offsets[held][order]))
    return Memory(memory.features, memory.bags, memory.tasks, domains, memory.axes)

"""`select_rows`: the rows of one domain as a separate prepared dataset."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfrec_mt.data.column_file import Columns
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.manifest import MANIFEST_FILE, Shard
from tfrec_mt.data.preparation.shards import ShardWriter
from tfrec_mt.errors import nearest
from tfrec_mt.schema import DataError
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.inside import share


def select_rows(
    dataset: PreparedDataset, output: Path, topic: str, domain: str, parts: Sequence[str]
) -> PreparedDataset:
    """Writes the rows of one domain as a new prepared dataset, in their order.

    Schema, vocabularies, events and sampled requests are those of the whole dataset. So a model of
    either dataset fits the other, and rows keep their histories. These files are hard-linked where
    the disk allows it, else copied.

    Args:
      dataset: The whole dataset.
      output: Folder to make.
      topic: Name of the topic.
      domain: Whose rows to take.
      parts: Parts to take them from; the new dataset has no others.

    Returns:
      The new dataset, opened.

    Raises:
      SchemaError: The schema has no such topic.
      DataError: The topic has no such domain, or a part does not exist or has no row of it; or
        parts are none or named twice.
      FileExistsError: `output` exists.
    """
    domains = dataset.schema.topic(topic).domains
    if domain not in domains:
        raise DataError(
            f"{dataset.path}: topic {topic!r} has no domain {domain!r}; {nearest(domain, domains)}"
        )
    if not parts or len(set(parts)) != len(parts):
        raise DataError(f"expected one or several distinct parts to select, got {list(parts)}")
    code = domains.index(domain) + 1
    with published_folder(output) as folder:
        for name in dataset.manifest.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            share(dataset.path / name, folder / name)
        kept: dict[str, tuple[Shard, ...]] = {}
        capped: dict[str, int] = {}
        for part in parts:
            kept[part], capped[part] = _write_part(dataset, folder, part, topic, code)
            if not kept[part]:
                raise DataError(f"{dataset.path}: part {part!r} has no row of {topic}={domain}")
        before = dataset.manifest
        source = {**before.source, "rows_of": {"topic": topic, "domain": domain}}
        history = before.history and dataclasses.replace(before.history, capped=capped)
        manifest = dataclasses.replace(before, source=source, parts=kept, history=history)
        (folder / MANIFEST_FILE).write_text(manifest.to_json(), encoding="utf-8")
    return PreparedDataset(output)


def _write_part(
    dataset: PreparedDataset, folder: Path, part: str, topic: str, code: int
) -> tuple[tuple[Shard, ...], int]:
    """Writes the rows of one domain code and counts those whose history is capped."""
    history, capped = dataset.schema.history, 0
    writer = ShardWriter(folder / part)
    for columns in dataset.shards(part):
        rows: Columns = {}
        own = None
        # the topic's column first: it decides which rows of other columns are kept
        for name in sorted(columns, key=lambda name: name != f"features/{topic}"):
            values = columns[name].read()
            own = np.flatnonzero(values == code) if own is None else own
            rows[name] = values[own]
        if own is not None and len(own):
            writer.append({name: rows[name] for name in columns})
            if history:
                capped += int((rows["history/length"] > history.length).sum())
    return writer.close(), capped

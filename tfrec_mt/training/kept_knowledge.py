"""`KeptKnowledge`: a frozen base's knowledge of rows, computed once and kept on disk."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_mt.configs.choices import Precision
from tfrec_mt.data.column_file import ColumnFile
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.stored_rows import StoredRows
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.models.model_store import fingerprint
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.models.scorer import BatchFunction
from tfrec_mt.schema import DataError
from tfrec_mt.storage.description import read_description, write_description
from tfrec_mt.storage.disk_space import check_free_space
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_files, verify_files
from tfrec_mt.training.progress import Progress

FORMAT_VERSION = 2
_UNSEALED = (1,)  # formats whose descriptions do not hold their own hash
_DESCRIPTION = "knowledge.json"
_SHARED = "knowledge"
_ROWS = 1024


class TooLargeError(DataError):
    """A base's knowledge is too large for half precision."""


class KeptKnowledge(PreparedDataset):
    """A dataset whose features are the base's knowledge, in half precision.

    Domains, exposure features, labels and keys stay; the trailing part that the knowledge of all
    tasks shares is kept once.

    Args:
      data: The prepared dataset.
      base: The base; its weights must not change.
      parts: Parts whose rows are kept.
      folder: Where to keep it; knowledge of the same base and rows is used again.
      precision: Type of the base's products.
      needed: Further features that kernels read.

    Raises:
      DataError: The folder holds the knowledge of another base, other data or other parts, or is
        damaged.
      DiskFullError: There is too little disk space; found before work starts.
      TooLargeError: A number is too large for half precision.
    """

    def __init__(
        self,
        data: Path,
        base: RankingModel,
        parts: Sequence[str],
        folder: Path,
        precision: Precision = "float32",
        needed: Sequence[str] = (),
    ) -> None:
        super().__init__(data)
        plain = PreparedDataset(data)
        self._folder = folder
        shared = base.shared_knowledge_width
        own = base.knowledge_widths.items()
        self._widths = {f"{_SHARED}_{task}": width - shared for task, width in own}
        if shared:
            self._widths[_SHARED] = shared
        of = {
            "base_fingerprint": fingerprint(base),
            "data_fingerprint": plain.fingerprint,
            "parts": list(parts),
            "precision": precision,
        }
        if not folder.exists():
            _write(folder, plain, base, self._widths, of)
        self._check(of)
        self.schema = dataclasses.replace(plain.schema, history=None)
        self._kept = {f"features/{topic.name}" for topic in plain.schema.topics}
        self._kept |= {f"features/{feature.name}" for feature in plain.schema.side("exposure")}
        self._kept |= {f"features/{name}" for name in needed}

    def shards(
        self, part: str, columns: Collection[str] | None = None
    ) -> list[dict[str, ColumnFile]]:
        """The stored columns of each shard of a part, knowledge among them."""
        stored = {name for shard in self.manifest.parts.get(part, ()) for name in shard.files}
        needed = {
            name
            for name in (stored if columns is None else stored & {*columns})
            if name in self._kept or not name.startswith(("features/", "history/"))
        }
        return [
            shard
            | {
                f"features/{name}": ColumnFile.open(_file(self._folder, part, number, name))
                for name in self._widths
            }
            for number, shard in enumerate(super().shards(part, needed))
        ]

    def _check(self, of: Mapping[str, Any]) -> None:
        try:
            found = read_description(
                self._folder / _DESCRIPTION, FORMAT_VERSION, (*of, "files"), _UNSEALED
            )
        except ValueError as error:
            raise DataError(f"{self._folder} holds no knowledge of a base: {error}") from error
        for name, expected in of.items():
            if found[name] != expected:
                raise DataError(
                    f"{self._folder} holds knowledge of another run: its {name} is {found[name]}, "
                    f"this run's is {expected}; choose another folder or delete it"
                )
        try:
            verify_files(self._folder, found["files"], _DESCRIPTION)
        except DataError as error:
            raise DataError(f"{error}; delete {self._folder}") from error


def knowledge_of(base: BaseModel, features: Mapping[str, Any]) -> dict[str, Any]:
    """The base's knowledge `{task: [B, D]}` of a batch, kept or computed."""
    if not is_kept(base, features):
        return dict(base.knowledge(features))
    shared = [features[_SHARED]] if _SHARED in features else []
    return {
        task: tf.concat([features[f"{_SHARED}_{task}"], *shared], axis=-1) for task in base.tasks
    }


def is_kept(base: BaseModel, features: Mapping[str, Any]) -> bool:
    """Whether a batch holds the base's knowledge instead of its inputs."""
    return f"{_SHARED}_{base.tasks[0]}" in features


def _file(folder: Path, part: str, shard: int, name: str) -> Path:
    return folder / part / f"shard-{shard:05d}" / f"{name}.npy"


def _write(
    folder: Path,
    dataset: PreparedDataset,
    base: RankingModel,
    widths: Mapping[str, int],
    of: Mapping[str, Any],
) -> None:
    rows = sum(dataset.rows(part) for part in of["parts"])
    check_free_space(folder, 2 * rows * sum(widths.values()), "what the base knows")
    forward = BatchFunction(base.knowledge)
    with published_folder(folder) as temporary, Progress("knowledge", rows, 1) as progress:
        for part in of["parts"]:
            stored, start = StoredRows(dataset, [part], None), 0
            for number, shard in enumerate(dataset.manifest.parts[part]):
                _file(temporary, part, number, _SHARED).parent.mkdir(parents=True)
                columns = {
                    name: np.lib.format.open_memmap(
                        _file(temporary, part, number, name),
                        mode="w+",
                        dtype=np.float16,
                        shape=(shard.rows, width),
                    )
                    for name, width in widths.items()
                }
                for first in range(0, shard.rows, _ROWS):
                    stop = min(first + _ROWS, shard.rows)
                    batch = stored.allocate(stop - first)
                    stored.read_into(batch, [(start + first, start + stop)])
                    known = forward(stored.batch(batch).features)
                    for name, values in _columns(known, widths).items():
                        columns[name][first:stop] = values
                    progress.update(stop - first)
                start += shard.rows
        description = {"format_version": FORMAT_VERSION, **of, "files": hash_files(temporary)}
        write_description(temporary / _DESCRIPTION, description)


def _columns(known: Mapping[str, Any], widths: Mapping[str, int]) -> dict[str, Any]:
    """Knowledge by column, in half precision."""
    found = {}
    for task, values in known.items():
        with np.errstate(over="ignore"):  # checked below
            halves = values.numpy().astype(np.float16)
        if not np.isfinite(halves).all():
            raise TooLargeError(
                f"the base's knowledge for {task} reaches {np.abs(values.numpy()).max():g}, which "
                "half precision cannot hold"
            )
        own = widths[f"{_SHARED}_{task}"]
        found[f"{_SHARED}_{task}"] = halves[:, :own]
        if _SHARED in widths:
            found[_SHARED] = halves[:, own:]
    return found

"""`PreparedDataset`: the output of `prepare`, opened and checked."""

import functools
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from tfrec_mt.data.column_file import ColumnFile
from tfrec_mt.data.manifest import MANIFEST_FILE, Manifest
from tfrec_mt.data.vocabulary import IdTable
from tfrec_mt.errors import nearest
from tfrec_mt.schema import DataError, Schema
from tfrec_mt.storage.hashes import VerifiedFiles, hash_file
from tfrec_mt.storage.names import CARRIED, VOCABULARIES

if TYPE_CHECKING:
    import tensorflow as tf


class PreparedDataset:
    """A prepared dataset on disk.

    Opening it checks that every file exists and has the size that the manifest's row counts
    require. Each file is compared with its hash in the manifest once, before it is first used;
    `verify` compares all files.

    Args:
      path: The folder.

    Attributes:
      schema: What was learned, with the hash of each vocabulary's ids.

    Raises:
      DataError: Not a prepared dataset, a newer format, or a missing, cut or changed file.

    Example:
      >>> log = mt.PreparedDataset("runs/shop/data")
      >>> log.rows("train")
      3000
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.manifest = Manifest.load(self.path / MANIFEST_FILE)
        for name in self.manifest.files:
            if not (self.path / name).is_file():
                raise DataError(f"{self.path / name}: the manifest lists it, but it is missing")
        self._files = VerifiedFiles(self.path, dict(self.manifest.hashes()), MANIFEST_FILE)
        self._files.use(["schema.json"])
        self.schema = Schema.load(self.path / "schema.json").identified(self.manifest.files)
        self._check_events()
        self._columns = {
            part: [
                {name: self._open_column(part, number, name) for name in shard.files}
                for number, shard in enumerate(shards)
            ]
            for part, shards in self.manifest.parts.items()
        }

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts; vocabularies were learned from the first."""
        return tuple(self.manifest.parts)

    @property
    def summary(self) -> str:
        """Rows of each part, in one line."""
        return f"{', '.join(f'{part} {self.rows(part):,}' for part in self.parts)} rows"

    def rows(self, part: str) -> int:
        """Number of rows of a part."""
        self._check_part(part)
        return self.manifest.rows(part)

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the manifest, which holds the hashes of everything in the dataset."""
        return hash_file(self.path / MANIFEST_FILE)

    @property
    def vocabularies(self) -> Path:
        """Folder of the vocabulary files, `<name>.txt` with one id per line in code order.

        Raises:
          DataError: One has changed.
        """
        self._files.use(self._files.below(VOCABULARIES))
        return self.path / VOCABULARIES

    def ids(self, vocabulary: str) -> pl.Series:
        """The known ids of a vocabulary in code order, the first at code `first_known`."""
        return IdTable.load(self.vocabularies, self.schema.vocabulary(vocabulary)).ids

    def continues(self, schema: Schema) -> bool:
        """Whether these data continue, at any distance, those that a schema was learned from."""
        like = self.manifest.like
        return like is not None and schema.ids_digest() in like.ids

    def carried(self, name: str) -> pl.DataFrame:
        """What a preparation that continues this one takes over: ids of a vocabulary, or clicks.

        Raises:
          DataError: Its file has changed.
        """
        path = f"{CARRIED}/{name}.parquet"
        self._files.use([path])
        return pl.read_parquet(self.path / path)

    def batches(
        self, part: str, batch_size: int = 512, *, shuffle: bool = False, seed: int = 0
    ) -> "tf.data.Dataset":
        """Batches for `fit`, `evaluate` and `predict` of a Keras model.

        Args:
          part: Name of the part.
          batch_size: Rows of a batch.
          shuffle: Whether each pass has its own order and drops rows that do not fill a last batch,
            different ones in each pass; else rows are in stored order, and the last batch may be
            shorter.
          seed: Seed of the orders.

        Returns:
          Features and labels, and weights where rows have them, see `Batch`: by feature int32
          codes or float32 numbers `[B]` (`[B, max_values]` of a bag, `[B, L]` of a history), and by
          task float32 `[B]`.

        Raises:
          DataError: An unknown part, or shuffled fewer rows than one batch.
          ValueError: A batch size below 1.

        Example:
          >>> model = mt.models.MMoE(log.schema)
          >>> model.compile("adam", loss="binary_crossentropy")
          >>> model.fit(log.batches("train", shuffle=True), epochs=2, shuffle=False)
        """
        # opening a dataset must not load TensorFlow
        from tfrec_mt.data.reading.tf_batches import tf_batches

        return tf_batches(self, part, batch_size, shuffle=shuffle, seed=seed)

    def requests(self) -> pl.DataFrame:
        """Sampled rows of the last part in raw form, see `RequestSample.write`.

        Raises:
          DataError: Their file has changed.
        """
        self._files.use(["requests.parquet"])
        return pl.read_parquet(self.path / "requests.parquet")

    def shards(
        self, part: str, columns: Collection[str] | None = None
    ) -> list[dict[str, ColumnFile]]:
        """The stored columns of each shard of a part, by `<group>/<name>`.

        Args:
          part: Name of the part.
          columns: Those that will be read; None: all.

        Raises:
          DataError: An unknown part, or a file that has changed.
        """
        self._check_part(part)
        shards = [
            {n: column for n, column in shard.items() if columns is None or n in columns}
            for shard in self._columns[part]
        ]
        files = [column.path for shard in shards for column in shard.values()]
        self._files.use(path.relative_to(self.path).as_posix() for path in files)
        return shards

    def event_elements(self) -> dict[str, npt.NDArray[np.int32]]:
        """Codes of each history element in stored order, `[events + padding]`, memory-mapped.

        Raises:
          DataError: A file has changed.
        """
        if not self.schema.history:
            return {}
        self._files.use(self._files.below("events"))
        folder = self.path / "events" / "features"
        elements = self.schema.history.elements
        return {name: ColumnFile.open(folder / f"{name}.npy").mapped() for name in elements}

    def event_timestamps(self) -> npt.NDArray[np.int64]:
        """Seconds of each stored event, `[events + padding]`, memory-mapped.

        Raises:
          DataError: The log has no time, or a file has changed.
        """
        if not self.schema.history or not self.schema.keys.timestamp:
            raise DataError(f"{self.path}: the log was prepared without timestamps of its events")
        self._files.use(self._files.below("events"))
        return ColumnFile.open(self.path / "events" / "timestamp.npy").mapped()

    def __repr__(self) -> str:
        rows = ", ".join(f"{part} {self.rows(part):,}" for part in self.parts)
        topics = ", ".join(f"{t.name} {len(t.domains)}" for t in self.schema.topics) or "none"
        tasks = ", ".join(self.schema.task_names)
        return (
            f"{type(self).__name__}({str(self.path)!r}: rows {rows}; tasks {tasks}; "
            f"domains {topics})"
        )

    def verify(self) -> None:
        """Compares the hash of every file with the manifest.

        Raises:
          DataError: A file is missing or differs; names it.
        """
        self._files.verify()

    def _check_part(self, part: str) -> None:
        if part not in self.manifest.parts:
            raise DataError(f"{self.path} has no part {part!r}; {nearest(part, self.parts)}")

    def _check_events(self) -> None:
        if self.manifest.history and self.schema.history:
            stored = self.manifest.history.events + self.schema.history.length
            for name in self.manifest.files:
                if name.startswith("events/"):
                    ColumnFile.open(self.path / name, stored)

    def _open_column(self, part: str, number: int, name: str) -> ColumnFile:
        path = self.path / part / f"shard-{number:05d}" / f"{name}.npy"
        return ColumnFile.open(path, self.manifest.parts[part][number].rows)

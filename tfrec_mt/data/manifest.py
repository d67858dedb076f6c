"""The manifest: what a prepared dataset consists of, with the hash of each file."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from tfrec_mt.schema import DataError
from tfrec_mt.storage.description import check_seal, sealed_json
from tfrec_mt.storage.inside import check_inside
from tfrec_mt.storage.json_files import parse_json, read_bytes

FORMAT_VERSION = 4
_UNSEALED = 2  # a format whose manifests do not hold their own hash
MANIFEST_FILE = "manifest.json"
CLICKS = "ranking"  # the kind of a manifest that names none
_T = TypeVar("_T")
_STRICT = ConfigDict(extra="forbid")  # JSON may hold no key that its class does not know


@dataclass(frozen=True)
class Shard:
    """A folder of columns: its rows, and the SHA-256 of each column's file by `<group>/<name>`."""

    __pydantic_config__ = _STRICT
    rows: int
    files: Mapping[str, str]


@dataclass(frozen=True)
class SplitRecord:
    """How the parts were made.

    Args:
      kind: See `SplitSpec`.
      parts: The rule as text, `name:weight,...`, with a number of days for `*`.
      seed: Seed of the random kinds and of every sample.
      cuts: First second of each part after the first, where time decides.
    """

    __pydantic_config__ = _STRICT
    kind: str
    parts: str
    seed: int
    cuts: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} ({self.parts})"


@dataclass(frozen=True)
class HistoryRecord:
    """How the histories were made.

    Args:
      kind: `"time"` (strictly older clicks) or `"folds"` (clicks of other folds).
      events: Stored events.
      folds: Number of folds, 0 for kind `"time"`.
      capped: By part, rows whose user has more clicks than a history holds.
    """

    __pydantic_config__ = _STRICT
    kind: str
    events: int
    folds: int
    capped: Mapping[str, int]


@dataclass(frozen=True)
class Doubt:
    """A remark on a column that can be read but is probably not what was meant."""

    __pydantic_config__ = _STRICT
    column: str
    what: str


@dataclass(frozen=True)
class CarriedRecord:
    """What a preparation leaves to one that continues it, in the folder `carried`.

    Args:
      preparations: How many there were, this one included.
      newest: Second of the last row; None of a log without time.
    """

    __pydantic_config__ = _STRICT
    preparations: int
    newest: int | None


@dataclass(frozen=True)
class GrowthRecord:
    """How a vocabulary differs from that of the data that were continued.

    Args:
      kept: Known before and still known.
      admitted: Newly known.
      evicted: No longer known.
      waiting: Unknown, and counted towards `min_count`.
      moved: Kept with another code, because the vocabulary shrank.
    """

    __pydantic_config__ = _STRICT
    kept: int
    admitted: int
    evicted: int
    waiting: int
    moved: int


@dataclass(frozen=True)
class LikeRecord:
    """The data that were continued.

    Args:
      path: Their folder.
      fingerprint: Of their manifest.
      ids: `Schema.ids_digest` of all data before, the first ones first.
      grown: By vocabulary.
      domains: New ones by topic.
    """

    __pydantic_config__ = _STRICT
    path: str
    fingerprint: str
    ids: tuple[str, ...]
    grown: Mapping[str, GrowthRecord]
    domains: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Manifest:
    """Content of `manifest.json`.

    Args:
      source: The caller's description of the source.
      split: How the parts were made.
      parts: Shards of each part, in order.
      files: SHA-256 of every other file by its path inside the dataset.
      history: How the histories were made, or None.
      doubts: What is doubtful about the log.
      carried: What data that continue these take over; None of earlier releases.
      like: The data that these continue, if any.
      format_version: Version of the layout on disk.
    """

    __pydantic_config__ = _STRICT
    source: Mapping[str, Any]
    split: SplitRecord
    parts: Mapping[str, tuple[Shard, ...]]
    files: Mapping[str, str]
    history: HistoryRecord | None = None
    doubts: tuple[Doubt, ...] = ()
    carried: CarriedRecord | None = None
    like: LikeRecord | None = None
    format_version: int = field(default=FORMAT_VERSION, kw_only=True)

    def rows(self, part: str) -> int:
        """Rows of a part."""
        return sum(shard.rows for shard in self.parts[part])

    def hashes(self) -> Iterator[tuple[str, str]]:
        """Path inside the dataset and SHA-256 of every file but the manifest itself."""
        yield from self.files.items()
        for part, shards in self.parts.items():
            for number, shard in enumerate(shards):
                for name, digest in shard.files.items():
                    yield f"{part}/shard-{number:05d}/{name}.npy", digest

    def to_json(self) -> str:
        """JSON text with its own hash, stable under a round trip."""
        return sealed_json(dataclasses.asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Manifest":
        """Reads a manifest.

        Raises:
          DataError: See `read_manifest`.
        """
        manifest = read_manifest(path, CLICKS, FORMAT_VERSION, _UNSEALED, _ADAPTER)
        check_inside(path.parent, (name for name, _ in manifest.hashes()), path)
        return manifest


def read_manifest(
    path: Path, kind: str, format_version: int, unsealed: int, adapter: TypeAdapter[_T]
) -> _T:
    """Reads the manifest of a dataset.

    Args:
      path: The file.
      kind: What the dataset has to hold, see `kind_of`.
      format_version: The format that this release writes.
      unsealed: The oldest format that is read, whose manifests do not hold their own hash.
      adapter: Of the manifest's class.

    Raises:
      DataError: No such file, not a manifest of that kind, of another format, or not what was
        written.
    """
    content, value = _read(path)
    if _kind(value) != kind:
        raise DataError(
            f"{path}: expected a prepared {kind} dataset, got kind {_kind(value)!r:.40}"
        )
    version = value.get("format_version")
    if not isinstance(version, int):
        raise DataError(f"{path}: expected a manifest with a format_version, got none")
    if not unsealed <= version <= format_version:
        age = "newer" if version > format_version else "unknown"
        raise DataError(
            f"{path}: written in the {age} format {version}; this release reads {format_version}"
        )
    value = check_seal(content, value, path, needed=version != unsealed)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise DataError(f"{path}: {place}: {error.errors()[0]['msg']}") from error


def kind_of(folder: Path) -> str:
    """The kind of a prepared dataset: `ranking` for a click log, or `news`.

    Raises:
      DataError: It is not a prepared dataset at all.
    """
    return _kind(_read(folder / MANIFEST_FILE)[1])


def _kind(value: Mapping[str, Any]) -> str:
    return str(value.get("kind", CLICKS))


def _read(path: Path) -> tuple[bytes, dict[str, Any]]:
    """The content of a dataset's manifest file and the JSON object in it."""
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        raise DataError(f"{path.parent} is not a prepared dataset: it has no {path.name}") from None
    value = parse_json(content, str(path))
    if not isinstance(value, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return content, value


_ADAPTER = TypeAdapter(Manifest)

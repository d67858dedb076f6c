"""What a prepared dataset consists of, with the hash of each file."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from tfrec_mt.schema import DataError
from tfrec_mt.storage import inside, json_files
from tfrec_mt.storage.description import check_seal, sealed_json

FORMAT_VERSION = 3
_UNSEALED = 2  # the format before, whose manifests do not hold their own hash
MANIFEST_FILE = "manifest.json"
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
    """Something of a column that can be read and is probably not what was meant."""

    __pydantic_config__ = _STRICT
    column: str
    what: str


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
      format_version: Version of the layout on disk.
    """

    __pydantic_config__ = _STRICT
    source: Mapping[str, Any]
    split: SplitRecord
    parts: Mapping[str, tuple[Shard, ...]]
    files: Mapping[str, str]
    history: HistoryRecord | None = None
    doubts: tuple[Doubt, ...] = ()
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
          DataError: No such file, not a manifest, of a newer format, or not what was written.
        """
        value = read_json(path)
        version = value.get("format_version")
        if not isinstance(version, int):
            raise DataError(f"{path}: expected a manifest with a format_version, got none")
        if version not in (FORMAT_VERSION, _UNSEALED):
            age = "newer" if version > FORMAT_VERSION else "unknown"
            raise DataError(
                f"{path}: written in the {age} format {version}; this release reads "
                f"{FORMAT_VERSION}"
            )
        value = check_seal(path.read_bytes(), value, path, needed=version != _UNSEALED)
        manifest = validated(_ADAPTER, value, path)
        inside.check_inside(path.parent, (name for name, _ in manifest.hashes()), path)
        return manifest


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a dataset's manifest file.

    Raises:
      DataError: No such file, or not a JSON object.
    """
    try:
        value = json_files.read_json(path)
    except FileNotFoundError:
        raise DataError(f"{path.parent} is not a prepared dataset: it has no {path.name}") from None
    if not isinstance(value, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def kind_of(folder: Path) -> str:
    """What a prepared dataset holds: `ranking` for a click log, or `news`.

    Raises:
      DataError: It is not a prepared dataset at all.
    """
    return str(read_json(folder / MANIFEST_FILE).get("kind", "ranking"))


def validated(adapter: TypeAdapter[_T], value: Any, path: Path) -> _T:
    """The manifest that a JSON value of a file describes.

    Raises:
      DataError: It does not; names the place.
    """
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise DataError(f"{path}: {place}: {error.errors()[0]['msg']}") from error


_ADAPTER = TypeAdapter(Manifest)

"""The manifest: what a prepared news dataset consists of, with the hash of each file."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter

from tfrec_mt.data.manifest import SplitRecord, read_manifest
from tfrec_mt.storage.description import sealed_json
from tfrec_mt.storage.inside import check_inside

FORMAT_VERSION = 2
_UNSEALED = 1  # the previous format, whose manifests do not hold their own hash
_STRICT = ConfigDict(extra="forbid")  # JSON may hold no key that its class does not know


@dataclass(frozen=True)
class PartRecord:
    """Sizes of one part, and whether its clicks and true click probabilities are known."""

    __pydantic_config__ = _STRICT
    impressions: int
    candidates: int
    labels: bool
    truth: bool


@dataclass(frozen=True, kw_only=True)
class NewsManifest:
    """Content of a news dataset's `manifest.json`.

    Args:
      source: The caller's description of the source.
      split: How the parts were made; None where the data came divided.
      articles: Articles, the empty one in row 0 among them.
      history_clicks: Clicks of all histories.
      parts: Sizes of each part, in order; classes were learned from the first.
      counts: Irregularities found, by name.
      files: SHA-256 of every other file by its path inside the dataset.
      kind: Tells news from click logs.
      format_version: Version of the layout on disk.
    """

    __pydantic_config__ = _STRICT
    source: Mapping[str, Any]
    split: SplitRecord | None
    articles: int
    history_clicks: int
    parts: Mapping[str, PartRecord]
    counts: Mapping[str, int]
    files: Mapping[str, str]
    kind: Literal["news"] = "news"
    format_version: int = field(default=FORMAT_VERSION)

    def to_json(self) -> str:
        """JSON text with its own hash, stable under a round trip."""
        return sealed_json(dataclasses.asdict(self))

    @classmethod
    def load(cls, path: Path) -> "NewsManifest":
        """Reads a manifest.

        Raises:
          DataError: See `read_manifest`.
        """
        manifest = read_manifest(path, "news", FORMAT_VERSION, _UNSEALED, _ADAPTER)
        check_inside(path.parent, manifest.files, path)
        return manifest


_ADAPTER = TypeAdapter(NewsManifest)

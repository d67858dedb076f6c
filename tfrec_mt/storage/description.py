"""JSON files that describe what lies beside them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfrec_mt.storage.json_files import parse_json, read_bytes


def read_description(path: Path, format_version: int, keys: Iterable[str]) -> dict[str, Any]:
    """Reads a description.

    Args:
      path: JSON file.
      format_version: The one format that is understood.
      keys: What the description must have beside `format_version`.

    Raises:
      ValueError: It is not there, not a JSON object, of another format, or lacks keys.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    return checked_description(read_bytes(path), path, format_version, keys)


def checked_description(
    text: str | bytes, path: Path, format_version: int, keys: Iterable[str]
) -> dict[str, Any]:
    """The description in the text of a file; see `read_description`."""
    value = parse_json(text, f"{path} is damaged")
    missing = {"format_version", *keys} - set(value if isinstance(value, dict) else ())
    if missing:
        raise ValueError(f"{path} is damaged: it lacks {', '.join(sorted(missing))}")
    if value["format_version"] != format_version:
        raise ValueError(
            f"{path}: format {value['format_version']} is not known to this release, "
            f"which reads {format_version}"
        )
    return dict(value)

"""JSON files that describe what lies next to them, sealed with the SHA-256 of their own text."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from tfrec_mt.errors import DataError
from tfrec_mt.storage.hashes import changed
from tfrec_mt.storage.json_files import parse_json, read_bytes

_SEAL = "sha256"
_BLANK = "0" * 64


def sealed_json(value: Mapping[str, Any]) -> str:
    """JSON text whose last key is the SHA-256 of the text with zeros in its place.

    The hash covers the text and not only the values, so that any changed byte is noticed.
    """
    text = json.dumps({**value, _SEAL: _BLANK}, indent=1)
    start, _, end = text.rpartition(_BLANK)
    return f"{start}{hashlib.sha256(text.encode()).hexdigest()}{end}"


def check_seal(
    content: bytes, value: Mapping[str, Any], path: Path, needed: bool = True
) -> dict[str, Any]:
    """The values of a JSON file without its seal.

    Args:
      content: The file's bytes.
      value: What they say.
      path: Names the file in errors.
      needed: Whether it has to have a seal; one that it has must fit in any case.

    Raises:
      DataError: There is no seal, or the text is not what was sealed.
    """
    if not needed and _SEAL not in value:
        return dict(value)
    seal = value.get(_SEAL)
    if not isinstance(seal, str) or not seal.isascii() or len(seal) != len(_BLANK):
        raise DataError(f"{path} is damaged: it lacks the {_SEAL} of its own text")
    start, _, end = content.rpartition(seal.encode())
    found = hashlib.sha256(start + _BLANK.encode() + end).hexdigest()
    if found != seal:
        raise DataError(changed(path, "the text that was written", seal, found))
    return {name: x for name, x in value.items() if name != _SEAL}


def write_description(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a description, with its `format_version`, into a folder that is not published yet."""
    path.write_text(sealed_json(value), encoding="utf-8")


def read_description(
    path: Path, format_version: int, keys: Iterable[str], unsealed: Collection[int] = ()
) -> dict[str, Any]:
    """Reads a description.

    Args:
      path: JSON file.
      format_version: The format of sealed descriptions.
      keys: What the description must have beside `format_version`.
      unsealed: Older formats that are understood, too, whose descriptions have no seal.

    Raises:
      ValueError: It is not there, not a JSON object, of another format, lacks keys, or is not what
        was written.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    content = read_bytes(path)
    value = checked_description(content, path, format_version, keys, unsealed)
    return check_seal(content, value, path, needed=value["format_version"] not in unsealed)


def checked_description(
    text: str | bytes,
    path: Path,
    format_version: int,
    keys: Iterable[str],
    older: Collection[int] = (),
) -> dict[str, Any]:
    """The description in the text of a file, sealed or not; see `read_description`."""
    value = parse_json(text, f"{path} is damaged")
    missing = {"format_version", *keys} - set(value if isinstance(value, dict) else ())
    if missing:
        raise ValueError(f"{path} is damaged: it lacks {', '.join(sorted(missing))}")
    if value["format_version"] not in (format_version, *older):
        raise ValueError(
            f"{path}: format {value['format_version']} is not known to this release, "
            f"which reads {format_version}"
        )
    return dict(value)

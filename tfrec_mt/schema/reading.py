"""Reads a schema file and checks it key by key, so that an error names the place."""

import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from tfrec_mt.errors import DataError, SchemaError, nearest
from tfrec_mt.storage.json_files import parse_json, read_bytes

MOST_PARTS = 10_000  # of vocabularies, features or topics


def read_json(
    text: str | bytes,
    where: str,
    whole: Any,
    parts: tuple[Any, ...],
    format_version: int,
    upgraded: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> Any:
    """Reads a dataclass made of dataclasses.

    Args:
      text: JSON.
      where: Names the text in errors.
      whole: The dataclass that the text describes.
      parts: The dataclasses that it is made of.
      format_version: The format that is read; text may leave it out.
      upgraded: Converts a description in the format before, if that is read too.

    Raises:
      SchemaError: Not JSON, an unknown key or format version, or a contradiction.
    """
    try:
        value = parse_json(text, where)
    except DataError as error:
        raise SchemaError(str(error)) from error
    _check_parts(value, where)
    _check_text(value, where)
    version = value.pop("format_version", None) if isinstance(value, dict) else None
    if upgraded and isinstance(value, dict) and version in (None, format_version - 1):
        value, version = upgraded(value), format_version
    if version not in (None, format_version):
        raise SchemaError(
            f"{where}: format_version {version} is not known to this release, "
            f"which reads {format_version}"
        )
    try:
        return _adapter(whole, parts).validate_python(value)
    except ValidationError as error:
        keys = {field.name for part in (whole, *parts) for field in dataclasses.fields(part)}
        problems = [_describe(problem, where, keys) for problem in error.errors()]
        raise SchemaError("; ".join(problems)) from error


def file_content(path: str | Path, what: str) -> bytes:
    """The content of a file with a description; `what` names it in errors.

    Raises:
      SchemaError: There is no such file, or one too large.
    """
    try:
        return read_bytes(Path(path))
    except FileNotFoundError as error:
        raise SchemaError(f"{what} {path} does not exist") from error
    except DataError as error:
        raise SchemaError(str(error)) from error


def _check_parts(value: Any, where: str) -> None:
    for name, parts in value.items() if isinstance(value, dict) else ():
        if isinstance(parts, list) and len(parts) > MOST_PARTS and isinstance(parts[0], dict):
            raise SchemaError(
                f"{where}: {name}: expected at most {MOST_PARTS:,}, got {len(parts):,}"
            )


def _check_text(value: Any, where: str) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise SchemaError(
            f"{where}: expected text, got half of a character, {half}, after "
            f"{error.object[max(0, error.start - 20) : error.start]!a}"
        ) from error


@functools.cache
def _adapter(whole: Any, parts: tuple[Any, ...]) -> TypeAdapter[Any]:
    for part in (whole, *parts):  # JSON may hold no key that its class does not know
        part.__pydantic_config__ = ConfigDict(extra="forbid")
    return TypeAdapter(whole)


def _describe(problem: Any, where: str, keys: set[str]) -> str:
    """One validation problem as a sentence that names its place."""
    place = ".".join([where, *(str(part) for part in problem["loc"])])
    if problem["type"] == "unexpected_keyword_argument":
        return f"{place}: unknown key; {nearest(str(problem['loc'][-1]), keys)}"
    if problem["type"] == "value_error":  # our own message, which names the value
        return f"{place}: {problem['msg'].removeprefix('Value error, ')}"
    return f"{place}: {problem['msg']}, got {problem['input']!r:.80}"

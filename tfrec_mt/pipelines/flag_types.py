"""Flags that several binaries need, and flags with checks that absl does not have."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import flags

from tfrec_mt.layers.precision import PRECISIONS
from tfrec_mt.schema import SchemaError

# flags that are defined through here belong to the module that asked for them
flags.disclaim_key_flags()


def define_positive_list(name: str, default: list[int], help_text: str) -> Any:
    """A comma-separated list of whole numbers of at least 1."""
    holder = flags.DEFINE_list(name, [str(value) for value in default], help_text)

    def check(values: list[str]) -> bool:
        if not values or not all(value.strip().isdigit() and int(value) > 0 for value in values):
            raise flags.ValidationError(
                f"--{name}={','.join(values)}: expected whole numbers of at least 1"
            )
        return True

    flags.register_validator(name, check)  # type: ignore[no-untyped-call]
    return holder


def define_precision(help_text: str) -> Any:
    """The flag `precision`, a type of matrix products."""
    return flags.DEFINE_enum("precision", "float32", PRECISIONS, help_text)


def refuse_flags(names: set[str], where: str) -> None:
    """Checks that none of some flags is given.

    Args:
      names: Flags that would be of no effect.
      where: What they do not go with, for the error.

    Raises:
      SchemaError: Names one that is.
    """
    given = sorted(name for name in names if flags.FLAGS[name].present)
    if given:
        raise SchemaError(f"--{given[0]} does not go with {where}")


def given_settings(module: str, renamed: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Values of the flags of a module that were given, by the name that a step gives them.

    Args:
      module: Its `__name__`.
      renamed: Names of settings by flag, where they differ.
    """
    own = flags.FLAGS.get_flags_for_module(module)
    return {(renamed or {}).get(f.name, f.name): f.value for f in own if f.present}


def pairs_of(flag: Any, value: str) -> dict[str, str]:
    """The `column=...` pairs of a list flag.

    Args:
      flag: Its holder.
      value: What stands behind the equals sign, for the error.

    Raises:
      SchemaError: One is no pair.
    """
    pairs = {}
    for pair in flag.value:
        column, equals, given = pair.partition("=")
        if not equals:
            raise SchemaError(f"--{flag.name}: expected column={value}, got {pair!r}")
        pairs[column.strip()] = given.strip()
    return pairs


def names_of(module: str) -> set[str]:
    """Names of the flags that a module defines."""
    return {flag.name for flag in flags.FLAGS.get_flags_for_module(module)}


def path_or_none(text: str | None) -> Path | None:
    """The path of a flag that may be left out."""
    return Path(text) if text else None

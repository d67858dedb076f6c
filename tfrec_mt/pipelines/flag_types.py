"""Flags that several binaries need, and flags with checks that absl does not have."""

from pathlib import Path
from typing import Any

from absl import flags


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


def path_or_none(text: str | None) -> Path | None:
    """The path of a flag that may be left out."""
    return Path(text) if text else None

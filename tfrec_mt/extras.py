"""Optional libraries, which extras of the package install."""

import importlib
import importlib.metadata
from typing import Any


class MissingExtraError(ImportError):
    """A library is not installed; names the extra that installs it."""


def installed_version(name: str) -> str | None:
    """Version of a distribution, None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def require(module: str, *, extra: str) -> Any:
    """Imports a module of a library that an extra installs.

    Raises:
      MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"expected {module}, which is not installed: pip install 'tfrec-mt[{extra}]' brings it"
        ) from error

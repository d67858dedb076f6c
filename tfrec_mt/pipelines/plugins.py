"""`--plugin`: files with your own models, adapters and sources."""

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from absl import flags

from tfrec_mt.configs.bounds import REPEATED
from tfrec_mt.quiet_start import import_tensorflow


class PluginError(ValueError):
    """A file that cannot be imported."""


@dataclass(frozen=True)
class Plugins:
    """Files that binaries import first.

    Args:
      plugin: Python file that registers models, adapters or sources. It is imported before anything
        else, and their settings become flags. Repeatable.
    """

    plugin: Annotated[tuple[Path, ...], REPEATED] = ()


def import_plugins(arguments: Sequence[str]) -> bool:
    """Imports the files that `--plugin` names on a command line or in its flag files.

    Returns:
      Whether there are any.

    Raises:
      PluginError: A file is missing, fails, or has the name of an imported module.
    """
    known = flags.FlagValues()  # type: ignore[no-untyped-call]
    flags.DEFINE_multi_string("plugin", [], "", flag_values=known)
    known.set_gnu_getopt()
    try:
        known(arguments, known_only=True)
    except flags.Error:
        return False  # the binary's own flags report the error
    paths = [Path(path) for path in known["plugin"].value or ()]
    if paths:
        import_tensorflow()  # quietly, as plugins will
    for path in paths:
        _import(path)
    return bool(paths)


def _import(path: Path) -> None:
    if not path.is_file():
        raise PluginError(f"--plugin={path}: expected a Python file, there is none")
    if path.stem in sys.modules:
        raise PluginError(f"--plugin={path}: there is a module {path.stem!r} already; rename it")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"--plugin={path}: expected a Python file (*.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PluginError(f"--plugin={path}: {type(error).__name__}: {error}") from error

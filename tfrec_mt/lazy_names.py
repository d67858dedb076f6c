"""Public names that are imported on first use."""

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

import wrapt

from tfrec_mt.quiet_start import import_tensorflow


def lazy_names(
    package: str, homes: Mapping[str, str], light: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns `__getattr__` and `__dir__` of a package whose public names live elsewhere.

    Args:
      package: Its `__name__`.
      homes: Module of each name; a submodule has its own.
      light: Names that do without TensorFlow.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if name not in light:
            import_tensorflow()
        module = importlib.import_module(homes[name])
        found = module if homes[name] == f"{package}.{name}" else getattr(module, name)
        setattr(sys.modules[package], name, found)
        return found

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, names


def when_keras_is_there(classes: str) -> None:
    """Imports the module of a package's Keras classes once Keras is imported, now or later.

    A saved model thus loads once the package is imported, which does not import Keras itself.

    Args:
      classes: Name of the module.
    """
    package = classes.partition(".")[0]

    def hook(_: Any) -> None:
        # a module that imports Keras while it is being imported cannot be imported again
        ours = [m for name, m in [*sys.modules.items()] if name.startswith(f"{package}.")]
        if not any(getattr(module.__spec__, "_initializing", False) for module in ours):
            importlib.import_module(classes)

    wrapt.register_post_import_hook(hook, "keras")

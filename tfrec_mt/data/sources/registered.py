"""Sources that users registered, by their name in flags."""

from collections.abc import Callable

from tfrec_mt.data.source import Source
from tfrec_mt.registry import Kind, registering

REGISTERED_SOURCES: dict[str, type[Source]] = {}


def register_source(name: str) -> Callable[[Kind], Kind]:
    """Decorates a subclass of `Source`, for `prepare_data --source=`; its arguments become flags.

    In Python, pass an object of the class to `mt.prepare`.

    Args:
      name: The name for the flag.

    Raises:
      SchemaError: The name is taken, or the class is no source that can be made.

    Example:
      >>> @mt.register_source("small")
      ... class Small(type(mt.sources.takeout())):
      ...     pass
    """
    return registering("source", name, REGISTERED_SOURCES, Source, saved=False)

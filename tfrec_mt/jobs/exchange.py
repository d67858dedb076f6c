"""Adds kernels to an export, removes kernels from it, and rolls it back."""

from collections.abc import Sequence
from pathlib import Path

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import kernel_path, kernel_paths
from tfrec_mt.errors import SchemaError
from tfrec_mt.jobs.opened import Folder, run_of
from tfrec_mt.serving.exchange_kernels import ExchangeConfig, exchange_kernels
from tfrec_mt.serving.versions import roll_back as publish_again
from tfrec_mt.training.run_folder import kernel_folder


def add_kernels(
    export: Folder,
    kernels: AdaptedModel | Folder,
    domains: Sequence[str] = (),
    *,
    replace: bool = False,
) -> Path:
    """Publishes the next version of an export, with more or newer kernels.

    Neither base nor data is needed. The new version shares the base's files with the one before,
    so it takes as much time and disk as its kernels do. Scores of all other domains stay the same
    to the last bit; that their kernels do is checked before the version appears.

    Args:
      export: Folder of versions.
      kernels: What `fine_tune` gave, or the folder of its run.
      domains: `TOPIC/DOMAIN` of each kernel to add; by default all of the run.
      replace: Whether they take the place of kernels that their domains have in the export.

    Returns:
      Folder of the new version.

    Raises:
      DataError: The export has a kernel of such a domain, or kernels of another shape.
      KernelStoreError: There is no such kernel, or it is of another base.
      SchemaError: No run made the kernels.

    Example:
      >>> mt.add_kernels("runs/shop/export", "runs/late/kernels", ["market/de"])
    """
    folder = kernel_folder(run_of(kernels, "kernels"))
    if domains:
        added = [kernel_path(folder, *split_name(domain)) for domain in domains]
    else:
        added = kernel_paths(folder)
    return exchange_kernels(ExchangeConfig(output=Path(export), add=added, replace=replace))


def remove_kernels(export: Folder, domains: Sequence[str]) -> Path:
    """Publishes the next version of an export, without some kernels.

    Args:
      export: Folder of versions.
      domains: `TOPIC/DOMAIN` of each kernel that goes.

    Returns:
      Folder of the new version.

    Raises:
      DataError: The export has no such kernel.

    Example:
      >>> mt.remove_kernels("runs/shop/export", ["market/de"])
    """
    removed = [split_name(domain) for domain in domains]
    return exchange_kernels(ExchangeConfig(output=Path(export), remove=removed))


def roll_back(export: Folder, to: int | None = None) -> Path:
    """Publishes an older version again, as the newest.

    Args:
      export: Folder of versions.
      to: The older one's number; by default the newest but one.

    Returns:
      Folder of the new version.

    Raises:
      DataError: There is no such version, or it is damaged.

    Example:
      >>> mt.roll_back("runs/shop/export")
    """
    return publish_again(Path(export), to)


def split_name(domain: str) -> tuple[str, str]:
    """Topic and domain of `TOPIC/DOMAIN`.

    Raises:
      SchemaError: It is not of that form.
    """
    topic, slash, name = domain.partition("/")
    if not (slash and topic and name):
        raise SchemaError(f"{domain!r}: expected TOPIC/DOMAIN")
    return topic, name

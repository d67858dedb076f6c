"""`load`: opens whatever a step left in a folder."""

from pathlib import Path
from typing import Any

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.data.manifest import MANIFEST_FILE
from tfrec_mt.errors import DataError
from tfrec_mt.jobs.opened import Folder, is_preset, open_log, open_model, origin_of
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.serving.exported_model import load_export
from tfrec_mt.serving.versions import EXTRA, version_numbers
from tfrec_mt.training.run_folder import SETTINGS_FILE


def load(folder: Folder, base: BaseModel | Folder | None = None) -> Any:
    """Opens what `prepare`, `pretrain`, `fine_tune` or `export` left in a folder.

    Args:
      folder: Prepared data, a run, a preset, or an export (its newest version) or version.
      base: Of a run of kernels: their base, where it is no longer where it was or was not kept.

    Returns:
      `PreparedDataset` or `NewsDataset`, a base, an `AdaptedModel`, or an `ExportedModel`.

    Raises:
      DataError: The folder holds nothing of that kind, or something damaged.

    Example:
      >>> model = mt.load("runs/shop/kernels")
    """
    path = Path(folder)
    if (path / MANIFEST_FILE).is_file():
        return open_log(path)
    if is_preset(path):
        return AdaptedModel.load_parts(path)
    if (path / SETTINGS_FILE).is_file():
        opened = open_model(path, base=base)
        if not opened.kernels:
            return opened.base
        model = AdaptedModel(opened.base, opened.kernels)
        model.origin = origin_of(path)
        return model
    if (path / EXTRA).is_dir() or version_numbers(path):
        return load_export(path)
    raise DataError(
        f"{path}: expected prepared data, the run of a base or of kernels, a preset or an export"
        + ("" if path.is_dir() else "; it does not exist")
    )

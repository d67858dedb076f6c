"""A base from elsewhere in the folder of a run, as far as it can be kept there."""

import json
from pathlib import Path
from typing import Any

import keras
from absl import logging

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.bases.attached_base import AttachedBase
from tfrec_mt.bases.keras_base import KerasBase
from tfrec_mt.models.model_store import ModelStoreError
from tfrec_mt.storage.description import read_description
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.training.run_results import kernels_behind

BASE = "base"
FORMAT_VERSION = 1
_DESCRIPTION, _MODEL = "base.json", "model.keras"


def keep_base(base: AttachedBase, run: Path) -> None:
    """Saves a Keras model as `model.keras` in a run's folder `base`, unless that is done.

    Warns of a model that Keras cannot save.
    """
    if not isinstance(base, KerasBase) or (run / BASE).exists():
        return
    try:
        with published_folder(run / BASE) as folder:
            base.model.save(folder / _MODEL)
            keras.saving.load_model(folder / _MODEL, compile=False)
            value = {"format_version": FORMAT_VERSION, "heads": base.heads, "tasks": base.tasks}
            (folder / _DESCRIPTION).write_text(json.dumps(value, indent=1), encoding="utf-8")
    except (TypeError, ValueError, NotImplementedError, AttributeError, ImportError) as error:
        said = str(error).strip().partition("\n")[0]
        logging.warning(
            "the model cannot be kept beside its kernels, so loading them needs it: base=; %s", said
        )


def load_attached(run: str | Path, base: Any = None) -> AdaptedModel:
    """Kernels that a run left, behind their base.

    Args:
      run: Folder of the run.
      base: The base; None: the Keras model that was kept with the kernels.

    Raises:
      KernelStoreError: The kernels are of another base.
      ModelStoreError: There are no kernels, or no base was kept.

    Example:
      >>> model = load_attached("runs/own/kernels")
    """
    run = Path(run)
    if base is None:
        base = _kept_base(run)
    return AdaptedModel(base, kernels_behind(base, run))


def _kept_base(run: Path) -> KerasBase:
    folder = run / BASE
    if not folder.is_dir():
        raise ModelStoreError(f"{run} keeps no base: expected the base of its kernels, base=")
    try:
        value = read_description(folder / _DESCRIPTION, FORMAT_VERSION, ("heads", "tasks"))
        model = keras.saving.load_model(folder / _MODEL, compile=False)
    except (TypeError, ValueError, OSError) as error:
        raise ModelStoreError(f"{folder} holds no base that can be read: {error}") from error
    heads = {t: h if isinstance(h, str) else tuple(h) for t, h in value["heads"].items()}
    return KerasBase(model, heads, value["tasks"])

"""Saves a base from elsewhere in a run's folder, if Keras can save it, and loads it."""

import dataclasses
from pathlib import Path

import keras
from absl import logging

from tfrec_mt.bases.attached_base import AttachedBase
from tfrec_mt.bases.keras_base import KerasBase
from tfrec_mt.models.model_store import ModelStoreError
from tfrec_mt.schema import Task
from tfrec_mt.storage.created import created_within
from tfrec_mt.storage.description import read_description, write_description
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_files, verify_files

FORMAT_VERSION = 3
_UNSEALED = 2  # the previous format, which has no hash of the model
_MOST_VARIABLES = 10_000
_DESCRIPTION, _MODEL = "base.json", "model.keras"


def keep_base(base: AttachedBase, folder: Path) -> None:
    """Saves a Keras model in a folder, unless the folder exists.

    Warns of a model that Keras cannot save.
    """
    if not isinstance(base, KerasBase) or folder.exists():
        return
    try:
        with published_folder(folder) as new:
            base.model.save(new / _MODEL)
            keras.saving.load_model(new / _MODEL, compile=False)
            value = {
                "format_version": FORMAT_VERSION,
                "heads": base.heads,
                "tasks": [dataclasses.asdict(task) for task in base.learned_tasks()],
                "files": hash_files(new),
            }
            write_description(new / _DESCRIPTION, value)
    except (TypeError, ValueError, NotImplementedError, AttributeError, ImportError) as error:
        said = str(error).strip().partition("\n")[0]
        logging.warning(
            "the model cannot be kept beside its kernels, so loading them needs it: base=; %s", said
        )


def kept_base(folder: Path) -> KerasBase:
    """The Keras model that a run saved with its kernels.

    Raises:
      ModelStoreError: It has kept none, or it has changed.
    """
    if not folder.is_dir():
        raise ModelStoreError(
            f"{folder.parent} keeps no base: expected the base of its kernels, base="
        )
    try:
        value = read_description(
            folder / _DESCRIPTION, FORMAT_VERSION, ("heads", "tasks"), (_UNSEALED,)
        )
        verify_files(folder, value.get("files", {}), _DESCRIPTION)
        # each number takes at least a byte of the file, as Keras refuses compressed files
        with created_within(_MOST_VARIABLES, (folder / _MODEL).stat().st_size):
            model = keras.saving.load_model(folder / _MODEL, compile=False)
        heads = {t: h if isinstance(h, str) else tuple(h) for t, h in value["heads"].items()}
        return KerasBase(model, heads, [Task(**task) for task in value["tasks"]])
    except (TypeError, ValueError, LookupError, AttributeError, OSError) as error:
        raise ModelStoreError(f"{folder} holds no base that can be read: {error}") from error

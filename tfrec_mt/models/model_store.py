"""Base models on disk: configuration, weights and vocabularies in one folder."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfrec_mt.configs.choices import Precision
from tfrec_mt.errors import nearest
from tfrec_mt.models.base_model import Fingerprinted
from tfrec_mt.schema import SchemaError
from tfrec_mt.storage.created import created_within
from tfrec_mt.storage.description import read_description
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_files, verify_files
from tfrec_mt.storage.inside import copy_inside
from tfrec_mt.storage.names import VOCABULARIES
from tfrec_mt.storage.variables import (
    load_variables,
    named_variables,
    save_variables,
    stored_numbers,
)

FORMAT_VERSION = 2
# What a configuration may raise that a model has not written.
_DISAGREE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, ImportError)
MODEL_FILE = "model.json"


class ModelStoreError(ValueError):
    """A folder without a model of this release."""


def fingerprint(model: keras.Model | Fingerprinted) -> str:
    """SHA-256 over class, configuration and every weight: equal for equal functions."""
    if isinstance(model, Fingerprinted):
        return model.fingerprint()
    digest = hashlib.sha256(type(model).__name__.encode())
    config = _as_trainable({k: v for k, v in model.get_config().items() if k != "name"})
    digest.update(json.dumps(config, sort_keys=True).encode())
    for name, variable in sorted(named_variables(model).items()):
        if "seed_generator" in name:  # moves with every dropout and scores nothing
            continue
        digest.update(name.encode())
        digest.update(variable.numpy().tobytes())
    return digest.hexdigest()


def _as_trainable(config: Any) -> Any:
    """A configuration without frozen layers, as freezing does not change scores."""
    if isinstance(config, Mapping):
        return {k: True if k == "trainable" else _as_trainable(v) for k, v in config.items()}
    return config


def save_model(model: keras.Model, folder: Path, vocabularies: Path) -> str:
    """Writes a model and the vocabularies of its raw input; returns its fingerprint.

    Args:
      model: A ranking or news model.
      folder: Folder to make.
      vocabularies: Folder of vocabularies, or the file of the only one.

    Raises:
      FileExistsError: The folder exists.
    """
    value = {
        "format_version": FORMAT_VERSION,
        "model": keras.saving.get_registered_name(type(model)),
        "config": model.get_config(),
        "fingerprint": fingerprint(model),
    }
    with published_folder(folder) as temporary:
        save_variables(named_variables(model), temporary)
        if vocabularies.is_dir():
            copy_inside(vocabularies, temporary / VOCABULARIES)
        else:
            (temporary / VOCABULARIES).mkdir()
            shutil.copy(vocabularies, temporary / VOCABULARIES)
        value["files"] = hash_files(temporary)
        (temporary / MODEL_FILE).write_text(json.dumps(value, indent=1), encoding="utf-8")
    return str(value["fingerprint"])


def load_model(folder: Path, dataset: Any = None, precision: Precision = "float32") -> Any:
    """Reads a model back, of the class that it was saved as.

    Args:
      folder: The model's.
      dataset: Prepared data that it is to read, if any.
      precision: See `RankingModel.set_serving_precision`.

    Raises:
      ModelStoreError: The folder has no model of this release, or a damaged file.
      SchemaError: The dataset has another schema than the model.
    """
    path = folder / MODEL_FILE
    try:
        value = read_description(path, FORMAT_VERSION, ("model", "config", "fingerprint", "files"))
        verify_files(folder, value["files"])
    except ValueError as error:
        raise ModelStoreError(f"{folder} holds no model that can be read: {error}") from error
    objects = keras.saving.get_custom_objects()
    name = str(value["model"])
    found = keras.saving.get_registered_object(name)
    kind: Any = found if isinstance(found, type) and issubclass(found, keras.Model) else None
    if kind is None:
        known = [
            n for n, k in objects.items() if isinstance(k, type) and issubclass(k, keras.Model)
        ]
        raise ModelStoreError(
            f"{path}: no class {name!r} is registered; {nearest(name, known)}; "
            "import the file that registers it, with binaries by --plugin="
        )
    try:
        # a configuration of a few bytes may claim a table of any size
        with created_within(*stored_numbers(folder)):
            model = kind.from_config(value["config"])
        load_variables(named_variables(model), folder)
    except (*_DISAGREE, tf.errors.OpError) as error:
        # Keras puts the whole configuration in front
        said = str(error).rpartition("Error encountered during deserialization: ")[2]
        raise ModelStoreError(
            f"{path}: its weights and configuration disagree: {said:.1000}"
        ) from error
    if fingerprint(model) != value["fingerprint"]:
        raise ModelStoreError(f"{folder}: the model is not the one that was saved")
    if dataset is not None and model.schema != dataset.schema:
        raise SchemaError(
            f"the model in {folder} was trained with another schema than that of {dataset.path}; "
            "use data prepared with the same settings and vocabularies"
        )
    if precision != "float32":
        model.set_serving_precision(precision)
    return model

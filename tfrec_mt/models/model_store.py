"""Base models on disk: configuration, weights and vocabularies in one folder."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from tfrec_mt.configs.choices import Precision
from tfrec_mt.errors import nearest
from tfrec_mt.models.base_model import Fingerprinted
from tfrec_mt.schema import Schema, SchemaError
from tfrec_mt.schema.differences import differences, unknown_ids
from tfrec_mt.storage.created import created_within
from tfrec_mt.storage.description import read_description, write_description
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

FORMAT_VERSION = 3
_UNSEALED = 2  # the previous format, whose descriptions do not hold their own hash
# Errors that a configuration which no model has written may cause.
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
        if "seed_generator" in name:  # changes with every dropout and does not affect scores
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
        write_description(temporary / MODEL_FILE, value)
    return str(value["fingerprint"])


def load_model(folder: Path, dataset: Any = None, precision: Precision = "float32") -> Any:
    """Loads a model as an instance of the class that it was saved as.

    Args:
      folder: The model's.
      dataset: Prepared data that it is to read, if any.
      precision: See `RankingModel.set_serving_precision`.

    Raises:
      ModelStoreError: The folder has no model of this release, or a damaged file.
      SchemaError: The dataset is not one of the model's; see `check_same_schema`.
    """
    path = folder / MODEL_FILE
    keys = ("model", "config", "fingerprint", "files")
    try:
        value = read_description(path, FORMAT_VERSION, keys, (_UNSEALED,))
        verify_files(folder, value["files"], MODEL_FILE)
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
        # Keras puts the whole configuration before the cause
        said = str(error).rpartition("Error encountered during deserialization: ")[2]
        raise ModelStoreError(
            f"{path}: its weights and configuration disagree: {said:.1000}"
        ) from error
    if fingerprint(model) != value["fingerprint"]:
        raise ModelStoreError(f"{folder}: the model is not the one that was saved")
    if dataset is not None:
        schema = model.schema
        if unknown_ids(schema):
            schema = schema.identified(value["files"])
        check_same_schema(schema, dataset, f"the model in {folder}")
    if precision != "float32":
        model.set_serving_precision(precision)
    return model


def stored_schema(folder: Path) -> Schema:
    """The schema of a ranking model, with the hashes of its ids.

    Raises:
      ModelStoreError: There is no such model, or its description is damaged.
    """
    try:
        value = read_description(folder / MODEL_FILE, FORMAT_VERSION, ("config", "files"))
        return Schema.from_json(value["config"]["schema"]).identified(value["files"])
    except (ValueError, LookupError, TypeError) as error:
        raise ModelStoreError(f"{folder} holds no ranking model: {error}") from error


def check_same_schema(schema: Any, dataset: Any, name: str) -> None:
    """Checks that codes mean the same in data and to a model: schema, learned parts and ids.

    Warns of models of older releases that do not say which ids they know.

    Args:
      schema: The model's.
      dataset: The data.
      name: Of the model, for errors.

    Raises:
      SchemaError: They differ; names each part, and what it is in both.
    """
    if type(schema) is not type(dataset.schema):
        raise SchemaError(f"{name} reads no data of the kind in {dataset.path}")
    if found := differences(schema, dataset.schema):
        raise SchemaError(
            f"{name} was trained with another schema than that of {dataset.path}: "
            f"{'; '.join(found)}; expected data with the schema and the ids that it was trained on"
        )
    if unknown_ids(schema):
        logging.warning(
            "%s does not say which ids it knows: whether those of %s are the same is not checked",
            name,
            dataset.path,
        )

"""Versions of a SavedModel: numbered folders that appear whole and describe themselves."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_mt.schema import DataError
from tfrec_mt.serving.warm_up import predict_log, write_warm_up
from tfrec_mt.storage.description import read_description
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_files

EXTRA = "assets.extra"
MANIFEST_FILE = "manifest.json"
FORMAT_VERSION = 1

Requests = Sequence[tuple[str, Mapping[str, np.ndarray]]]


def publish_version(
    output: Path,
    module: tf.Module,
    functions: Mapping[str, Any],
    *,
    name: str,
    warm_up: Requests,
    description: Mapping[str, Any],
    extra_files: Mapping[str, str | bytes],
    ops: Sequence[str] = (),
) -> Path:
    """Writes the next version of a SavedModel, whole or not at all.

    The version's `assets.extra/` holds the extra files, the warm-up requests, which have been
    answered once before anything is published, and `manifest.json` with the SHA-256 of every file.

    Args:
      output: Folder of versions; the next free integer is taken.
      module: What the SavedModel holds.
      functions: The `tf.function` behind each signature, with an input signature.
      name: Name of the model in warm-up requests.
      warm_up: Signature and inputs of each request.
      description: Of the manifest, beside the hashes.
      extra_files: Content by name.
      ops: Namespaces of ops that are not TensorFlow's own.

    Returns:
      Folder of the version.

    Raises:
      ValueError: A warm-up request is answered with a number that is not finite.
    """
    version = output / str(_next_version(output))
    # nobody trains what is served
    options = tf.saved_model.SaveOptions(
        namespace_whitelist=[*ops], experimental_custom_gradients=False
    )
    with published_folder(version) as folder:
        tf.saved_model.save(module, str(folder), signatures=functions, options=options)
        extra = folder / EXTRA
        extra.mkdir()
        for file, content in extra_files.items():
            data = content.encode() if isinstance(content, str) else content
            (extra / file).write_bytes(data)
        for signature, tensors in warm_up:
            _check_answer(signature, functions[signature], tensors)
        write_warm_up(extra, [predict_log(name, *request) for request in warm_up])
        manifest = {
            "format_version": FORMAT_VERSION,
            **description,
            "files": hash_files(folder),
        }
        (extra / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return version


def read_manifest(version: Path) -> dict[str, Any]:
    """The manifest of a version.

    Raises:
      DataError: The folder is not a version that this release can read.
    """
    try:
        return read_description(version / EXTRA / MANIFEST_FILE, FORMAT_VERSION, ("files",))
    except ValueError as error:
        raise DataError(f"{version}: expected an exported version: {error}") from error


def _next_version(output: Path) -> int:
    versions = [int(path.name) for path in output.glob("*") if path.name.isdigit()]
    return max(versions, default=0) + 1


def _check_answer(signature: str, function: Any, tensors: Mapping[str, np.ndarray]) -> None:
    given = {name: tf.constant(value) for name, value in tensors.items()}
    for name, values in function.get_concrete_function()(**given).items():
        if values.dtype.is_floating and not bool(tf.reduce_all(tf.math.is_finite(values))):
            raise ValueError(
                f"{signature} answers a warm-up request with a {name} that is not finite"
            )

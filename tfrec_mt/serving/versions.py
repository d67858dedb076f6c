"""Versions of a SavedModel: numbered folders, each written whole and with a description."""

import contextlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_mt.configs.export import check_model_name
from tfrec_mt.schema import DataError
from tfrec_mt.serving.bundle import (
    MODEL_CARD,
    README,
    REQUEST,
    documents,
    request_json,
    write_server_files,
)
from tfrec_mt.serving.kernel_files import KernelsApart
from tfrec_mt.serving.saved_model_notes import without_notes
from tfrec_mt.serving.warm_up import Requests, write_warm_up
from tfrec_mt.storage.description import read_description, write_description
from tfrec_mt.storage.disk_space import DiskFullError, check_free_space, size_of
from tfrec_mt.storage.folders import published_folder
from tfrec_mt.storage.hashes import hash_files, verify_files
from tfrec_mt.storage.inside import copy_inside
from tfrec_mt.storage.lock import locked_folder

EXTRA = "assets.extra"
MANIFEST_FILE = "manifest.json"
FORMAT_VERSION = 2
_UNSEALED = 1  # the format before, whose manifests do not hold their own hash
# Types of a manifest's entries, where they are present.
_FORMS = {
    **dict.fromkeys(("name", "kind", "base_fingerprint"), str),
    **dict.fromkeys(("signatures", "kernels", "card"), dict),
}
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


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
    allow_signature_change: bool = False,
) -> Path:
    """Writes the next version of a SavedModel, whole or not at all.

    The version's `assets.extra/` holds the extra files, the warm-up requests, and `manifest.json`
    with the SHA-256 of every file. Requests are answered once before anything is published.

    Args:
      output: Folder of versions; the next free integer is taken.
      module: What the SavedModel holds.
      functions: The `tf.function` behind each signature, with an input signature.
      name: Name of the model in warm-up requests.
      warm_up: Signature and inputs of each request.
      description: Of the manifest, beside the hashes.
      extra_files: Content by name.
      ops: Namespaces of ops that are not TensorFlow's own.
      allow_signature_change: Whether clients of the newest version may have to change.

    Returns:
      Folder of the version.

    Raises:
      DataError: They would have to and may not, or a warm-up request is answered with a number that
        is not finite.
      DiskFullError: There is too little space; found before anything is written.
    """
    # nobody trains what is served
    options = tf.saved_model.SaveOptions(
        namespace_whitelist=[*ops],
        experimental_custom_gradients=False,
        experimental_sharding_callback=KernelsApart(),
    )
    signatures = signatures_of(functions)
    description = {"name": name, **description, "signatures": signatures}
    check_free_space(output, _variable_bytes(functions), "the variables of the export")
    with locked_folder(output, wait=True):
        if not allow_signature_change:
            _check_signatures(output, signatures)
        with new_version(output, description) as (version, folder):
            with without_notes():
                tf.saved_model.save(module, str(folder), signatures=functions, options=options)
            extra = folder / EXTRA
            extra.mkdir()
            for file, content in extra_files.items():
                data = content.encode() if isinstance(content, str) else content
                (extra / file).write_bytes(data)
            for signature, tensors in warm_up:
                answered(signature, functions[signature].get_concrete_function(), tensors)
            write_warm_up(extra, name, warm_up)
            (extra / REQUEST).write_text(request_json(*warm_up[0]), encoding="utf-8")
    return version


@contextlib.contextmanager
def new_version(
    output: Path, description: Mapping[str, Any], known: Mapping[str, str] | None = None
) -> Iterator[tuple[Path, Path]]:
    """Yields the next version's folder, and one to fill that takes its name if all goes well.

    The caller must hold the folder of versions, so that several publishers take turns. Hashes of
    files that are shared with another version may be `known`; the block may add some.

    At the end, README, model card and `manifest.json`, with the description and the SHA-256 of
    every file, are written into `assets.extra/`, and a server's configuration next to the versions.
    """
    check_model_name(description["name"])
    version = output / str(max(version_numbers(output), default=0) + 1)
    with published_folder(version) as folder:
        yield version, folder
        (folder / EXTRA).mkdir(exist_ok=True)
        for file, text in documents(version.name, description).items():
            (folder / EXTRA / file).write_text(text, encoding="utf-8")
        manifest = {
            "format_version": FORMAT_VERSION,
            **description,
            "files": hash_files(folder, known),
        }
        write_description(folder / EXTRA / MANIFEST_FILE, manifest)
    write_server_files(output, description["name"])


def roll_back(output: Path, to: int | None = None) -> Path:
    """Publishes an older version again, as the newest.

    Args:
      output: Folder of versions.
      to: The older one's number; by default the newest but one.

    Returns:
      Folder of the new version, a copy of the old one but for the manifest; its files are shared
      with the old one only if the disk has no room for a copy.

    Raises:
      DataError: There is no such version, or it is damaged.
    """
    if not output.is_dir():
        raise DataError(f"{output} holds no exported version")
    with locked_folder(output, wait=True):
        numbers = version_numbers(output)
        if to is None and len(numbers) < 2:
            raise DataError(f"{output} holds no older version to go back to")
        number = numbers[-2] if to is None else to
        if number not in numbers:
            raise DataError(f"{output} holds no version {number}, but {numbers}")
        source = output / str(number)
        manifest = verified_manifest(source)
        description = description_of(manifest) | {"rolled_back_to": number}
        room = True
        try:
            check_free_space(output, size_of(source), "the files of a version")
        except DiskFullError:
            room = False  # an incident must not wait for a larger disk
        with new_version(output, description) as (version, folder):
            left_out = (MANIFEST_FILE, README, MODEL_CARD)
            copy_inside(source, folder, left_out, linked=not room)
    return version


def signatures_of(functions: Mapping[str, Any]) -> dict[str, Any]:
    """Type and shape of every signature's inputs and outputs, and which inputs are optional."""

    def told(specs: Mapping[str, Any]) -> dict[str, Any]:
        return {n: [s.dtype.name, s.shape.as_list()] for n, s in sorted(specs.items())}

    found = {}
    for name, function in functions.items():
        concrete = function.get_concrete_function()
        arguments, _ = concrete.structured_input_signature
        parameters = function.function_type.parameters.values()
        inputs = {spec.name: spec for spec in tf.nest.flatten(arguments)}
        found[name] = {
            "inputs": told(inputs),
            "outputs": told(concrete.structured_outputs),
            "optional": sorted(
                spec.name
                for parameter, specs in zip(parameters, arguments, strict=True)
                if parameter.optional
                for spec in tf.nest.flatten(specs)
            ),
        }
    return found


def _variable_bytes(functions: Mapping[str, Any]) -> int:
    """Bytes of the variables that functions read."""
    read = {id(v): v for f in functions.values() for v in f.get_concrete_function().variables}
    return sum(v.dtype.size * math.prod(tf.shape(v).numpy()) for v in read.values())


def _check_signatures(output: Path, signatures: Mapping[str, Any]) -> None:
    """Refuses signatures with which clients of the newest version would fail."""
    numbers = version_numbers(output)
    if not numbers:
        return
    before = read_manifest(output / str(numbers[-1]))["signatures"]
    nothing: dict[str, Any] = {"inputs": {}, "outputs": {}, "optional": []}
    differences = []
    for signature, old in before.items():
        new = signatures.get(signature, nothing)
        for side in ("inputs", "outputs"):
            for name, told in old[side].items():
                if new[side].get(name) != told:
                    differences.append(
                        f"{signature} {side} {name!r}: {told}, {new[side].get(name)}"
                    )
        asked = set(new["inputs"]) - set(new["optional"]) - set(old["inputs"])
        asked |= set(old["optional"]) & set(new["inputs"]) - set(new["optional"])
        differences += [f"{signature} needs {name!r} now" for name in sorted(asked)]
    if differences:
        raise DataError(
            f"{output}: clients of version {numbers[-1]} would fail: {'; '.join(differences)}"
        )


def read_manifest(version: Path) -> dict[str, Any]:
    """The manifest of a version.

    Raises:
      DataError: The folder is not a version that this release can read.
    """
    path = version / EXTRA / MANIFEST_FILE
    try:
        needed = ("files", "signatures")
        manifest = {"kernels": {}, **read_description(path, FORMAT_VERSION, needed, (_UNSEALED,))}
        for key, form in _FORMS.items():
            if not isinstance(manifest.get(key, form()), form):
                raise ValueError(f"{path} is damaged: expected a {form.__name__} as {key}")
        for topic, domains in manifest["kernels"].items():
            if not isinstance(domains, list) or not all(isinstance(x, str) for x in domains):
                raise ValueError(f"{path} is damaged: expected names of domains of {topic!r}")
    except ValueError as error:
        raise DataError(f"{version}: expected an exported version: {error}") from error
    return manifest


def description_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest's entries about the model, without those about files and a rollback."""
    left_out = ("format_version", "files", "rolled_back_to")
    return {key: value for key, value in manifest.items() if key not in left_out}


def verified_manifest(version: Path) -> dict[str, Any]:
    """The manifest of a version, after checking that its files are as they were published.

    Raises:
      DataError: They are not, or the folder is not a version that this release can read.
    """
    manifest = read_manifest(version)
    verify_files(version, manifest["files"], f"{EXTRA}/{MANIFEST_FILE}")
    return manifest


def newest_version(output: Path) -> Path:
    """Folder of the newest version.

    Raises:
      DataError: There is none.
    """
    numbers = version_numbers(output)
    if not numbers:
        raise DataError(f"{output} holds no exported version")
    return output / str(numbers[-1])


def version_numbers(output: Path) -> list[int]:
    """Numbers of all versions in a folder, ascending."""
    return sorted(int(path.name) for path in output.glob("*") if _NUMBER.fullmatch(path.name))


def answered(
    signature: str, function: Any, tensors: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """A function's answer to a warm-up request.

    Raises:
      DataError: A number in it is not finite.
    """
    given = {name: tf.constant(value) for name, value in tensors.items()}
    answer = {name: values.numpy() for name, values in function(**given).items()}
    for name, values in answer.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise DataError(
                f"{signature} answers a warm-up request with a {name} that is not finite"
            )
    return answer

"""`SavedModelBase`: a model that already serves, whoever trained it."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfrec_mt.bases.attached_base import Specs, check_columns, placed
from tfrec_mt.bases.offset_base import OffsetBase, by_task
from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.schema import Task
from tfrec_mt.serving.load_saved_model import load_saved_model
from tfrec_mt.storage.hashes import hash_files


class SavedModelBase(OffsetBase):
    """A SavedModel with a signature that returns vectors and logits; see `OffsetBase`.

    Its last layer cannot be called, so kernels add logit offsets, computed from vector and logit.

    Args:
      folder: Folder of the SavedModel.
      knowledge: The output with the vector `[B, D]` of all tasks, or one by task.
      logits: The output with the logit, `[B]` or `[B, 1]`, by task.
      signature: Name of the signature.
      tasks: Tasks of `logits` that are regressions, whose logit is the value itself.

    Raises:
      DataError: There is no SavedModel, or its graph could reach files or Python.
      SchemaError: There is no such signature or output, or one has another shape.

    Example:
      >>> base = mt.SavedModelBase("served/7", knowledge="hidden", logits={"ctr": "logit"})
    """

    kind = "saved_model"

    def __init__(
        self,
        folder: str | Path,
        knowledge: str | Mapping[str, str] = "hidden",
        logits: Mapping[str, str] | None = None,
        signature: str = "serving_default",
        tasks: Sequence[Task] = (),
    ) -> None:
        self.folder, self.signature = Path(folder), signature
        logits = {"ctr": "logit"} if logits is None else logits
        vectors = by_task(knowledge, tuple(logits))
        self._loaded = load_saved_model(self.folder)
        signatures = self._loaded.signatures
        if signature not in signatures:
            raise SchemaError(
                f"{folder} has no signature {signature!r}; {nearest(signature, signatures)}"
            )
        self._function = signatures[signature]
        outputs = self._function.structured_outputs
        for task in logits:
            if task not in vectors:
                raise SchemaError(f"knowledge: expected an output for task {task!r}, got none")
            _check_output(self.folder, outputs, vectors[task], "knowledge", width=None)
            _check_output(self.folder, outputs, logits[task], f"the logit of {task!r}", width=1)
        widths = {name: int(outputs[name].shape[1]) for name in vectors.values()}
        super().__init__(vectors, logits, widths, tasks=tasks)

    def known(self, features: Mapping[str, Any]) -> Mapping[str, Any]:
        specs = self.input_specs()
        check_columns(features, [*specs], str(self.folder))
        given = {name: placed(features[name], spec) for name, spec in specs.items()}
        found: Mapping[str, Any] = self._function(**given)
        return found

    def input_specs(self) -> Specs:
        # sorted, as the order of a loaded signature differs from process to process
        arguments = sorted(self._function.structured_input_signature[1].items())
        return {name: tf.TensorSpec(x.shape, x.dtype, name) for name, x in arguments}

    def tracked(self) -> list[Any]:
        return [self._loaded]

    def fingerprint(self) -> str:
        """Digest of graph, weights and assets, and of the signature and outputs that are used."""
        digest = hashlib.sha256(self.kind.encode())
        for name, found in hash_files(self.folder).items():
            if not name.startswith("assets.extra/"):
                digest.update(f"{name} {found}".encode())
        for task in self.tasks:
            asked = (task, self.vector_names[task], self.logit_names[task], self.signature)
            digest.update(repr(asked).encode())
        if numbers := self.regressions():
            digest.update(repr({"regressions": numbers}).encode())
        return digest.hexdigest()


def _check_output(
    folder: Path, outputs: Mapping[str, Any], name: str, what: str, width: int | None
) -> None:
    if name not in outputs:
        raise SchemaError(f"{folder} has no output {name!r} for {what}; {nearest(name, outputs)}")
    shape = outputs[name].shape
    fits = shape.rank == 2 and shape[1] is not None and width in (None, shape[1])
    if not fits and not (width == 1 and shape.rank == 1):
        expected = "[B, D] of a known D" if width is None else "[B] or [B, 1]"
        raise SchemaError(f"{folder}: output {name!r} is {shape}; expected {expected} for {what}")

"""What is fuzzed, and what may come of it: a value, or an error of ours."""

import importlib
from collections.abc import Callable
from pathlib import Path

from tfrec_mt.errors import DataError, SchemaError

# Each takes bytes as a user's file or request would have them, and a folder for files.
Target = Callable[[bytes, Path], None]
TARGETS = {
    "schema": "logs",
    "delimited": "logs",
    "parquet": "logs",
    "notation": "logs",
    "description": "stored",
    "kernel": "stored",
    "tensor": "served",
    "request": "served",
    "graph": "served",
}
CORPUS = Path(__file__).parent / "corpus"


def target(name: str) -> Target:
    """Imports what it needs: TensorFlow takes seconds, and logs need none."""
    run: Target = getattr(importlib.import_module(f"tests.fuzz.{TARGETS[name]}"), name)
    return run


def refusals(name: str) -> tuple[type[Exception], ...]:
    """The errors that bytes may end in."""
    if TARGETS[name] != "stored":
        return (DataError, SchemaError)
    from tfrec_mt.adapters.kernel_store import KernelStoreError
    from tfrec_mt.models.model_store import ModelStoreError
    from tfrec_mt.storage.variables import VariableMismatchError
    from tfrec_mt.training.checkpoints import CheckpointError
    from tfrec_mt.training.run_folder import RunFolderError

    own = (KernelStoreError, ModelStoreError, VariableMismatchError)
    return (DataError, SchemaError, *own, CheckpointError, RunFolderError)

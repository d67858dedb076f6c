"""Loads a SavedModel, after a look at what its graph could do."""

from pathlib import Path
from typing import Any

import tensorflow as tf

# Not used by name: the graph of a news model holds its ops.
import tensorflow_text  # noqa: F401
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from tfrec_mt.schema import DataError
from tfrec_mt.serving.saved_model_notes import without_notes

# Of the ops that have a state or an effect: variables, tables of ids, functions and checkpoints.
# (RestoreV2 and SaveV2 are how a SavedModel loads; their paths come from the loader.)
_STATEFUL = frozenset(
    (
        *("Assert", "If", "StatelessIf", "While", "StatefulPartitionedCall"),
        *("VarHandleOp", "VarIsInitializedOp", "ReadVariableOp", "AssignVariableOp"),
        *("ResourceGather", "DisableCopyOnRead"),
        *("HashTableV2", "LookupTableFindV2", "LookupTableSizeV2", "LookupTableImportV2"),
        *("InitializeTableFromTextFileV2", "RestoreV2", "SaveV2", "MergeV2Checkpoints"),
    )
)
# Stateless by registration, but they read files or run Python.
_REACH_OUT = frozenset(("ReadFile", "MatchingFiles", "PyFuncStateless"))


def load_saved_model(version: Path) -> Any:
    """A SavedModel, with `signatures` to call.

    Raises:
      DataError: There is none, or its graph holds ops that an export does not need: with files,
        Python, or a state of their own.
    """
    path = version / "saved_model.pb"
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise DataError(f"{version}: expected a SavedModel: {error}") from error
    found = set()
    for graph in (meta_graph.graph_def for meta_graph in model.meta_graphs):
        found |= {node.op for node in graph.node}
        functions = graph.library.function
        found |= {node.op for function in functions for node in function.node_def}
    refused = sorted(op for op in found if not _harmless(op))
    if refused:
        raise DataError(f"{version}: its graph holds ops that no export needs: {refused}")
    with without_notes():
        return tf.saved_model.load(str(version))


def _harmless(op: str) -> bool:
    definition = op_def_registry.get(op)
    if definition is None:
        return False
    return op in _STATEFUL or not (definition.is_stateful or op in _REACH_OUT)

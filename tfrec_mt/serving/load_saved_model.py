"""Loads a SavedModel after checking what its graph could do."""

from pathlib import Path
from typing import Any

import tensorflow as tf

# Not used by name: the graph of a news model holds its ops.
import tensorflow_text  # noqa: F401
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from tfrec_mt.schema import DataError
from tfrec_mt.serving.graph_paths import check_paths
from tfrec_mt.serving.harmless_ops import ASSET_OPS, CHECKPOINT_OPS, HARMLESS_OPS
from tfrec_mt.serving.saved_model_notes import without_notes
from tfrec_mt.storage.inside import check_inside, files_inside
from tfrec_mt.storage.json_files import read_bytes
from tfrec_mt.storage.variables import FILE, stored_numbers

# Protobuf itself ends at 2 GB, and a graph takes several times its size; weights are kept apart.
MOST_GRAPH_BYTES = 512 << 20
_GRAPH, _CHUNKED_GRAPH = "saved_model.pb", "saved_model.cpb"
_ASSETS, _VARIABLES = "assets", "variables"
_KNOWN_OPS = HARMLESS_OPS | CHECKPOINT_OPS.keys() | ASSET_OPS.keys()


def load_saved_model(version: Path) -> Any:
    """Loads a SavedModel, with `signatures` to call.

    The time and memory that its graph takes cannot be known beforehand.

    Raises:
      DataError: There is none, it is damaged, or its graph holds ops that an export does not need
        (with other files than its own, Python, or a state); a link leads out of its folder.
    """
    _check_graph(version)
    try:
        if (version / _VARIABLES / f"{FILE}.index").is_file():
            stored_numbers(version / _VARIABLES)
        with without_notes():
            return tf.saved_model.load(str(version))
    except Exception as error:  # of any kind: the file is not ours
        said = str(error).strip().partition("\n")[0]
        raise DataError(
            f"{version}: TensorFlow cannot load it: {type(error).__name__}: {said}"
        ) from error


def _check_graph(version: Path) -> None:
    """Checks the files and the graph before TensorFlow reads them."""
    if not version.is_dir():
        raise DataError(f"{version}: expected a SavedModel, there is no such folder")
    for path in files_inside(version):
        if path.suffix == ".pb" and path.stat().st_size > MOST_GRAPH_BYTES:
            raise DataError(
                f"{path}: expected at most {MOST_GRAPH_BYTES:,} bytes, got "
                f"{path.stat().st_size:,}; keep weights in variables, not in the graph"
            )
    if (version / _CHUNKED_GRAPH).exists():
        raise DataError(f"{version}: expected a graph in one file, got {_CHUNKED_GRAPH}")
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(read_bytes(version / _GRAPH, MOST_GRAPH_BYTES))
    except (OSError, DecodeError) as error:
        raise DataError(f"{version}: expected a SavedModel: {error}") from error
    for meta_graph in model.meta_graphs:
        _check_ops(version, meta_graph.graph_def)
        try:
            check_paths(meta_graph)
        except DataError as error:
            raise DataError(f"{version}: {error}") from None
        except IndexError as error:
            raise DataError(f"{version}: its graph contradicts itself") from error
        names = [asset.filename for asset in meta_graph.asset_file_def]
        check_inside(version / _ASSETS, names, version / _GRAPH)
        for name in names:
            if not (version / _ASSETS / name).is_file():
                raise DataError(f"{version / _ASSETS / name}: the graph needs it; it is missing")


def _check_ops(version: Path, graph: Any) -> None:
    found = {node.op for node in graph.node}
    found |= {node.op for function in graph.library.function for node in function.node_def}
    if refused := sorted(found - _KNOWN_OPS):
        raise DataError(f"{version}: its graph holds ops that no export needs: {refused}")

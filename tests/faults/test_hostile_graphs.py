"""Graphs that would reach files or Python, whatever they do it with: refused unopened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from tests.fault_cases import Record
from tests.faults.watched import SECRET, refused
from tfrec_mt.schema import DataError
from tfrec_mt.serving import harmless_ops
from tfrec_mt.serving.load_saved_model import load_saved_model

pytestmark = [pytest.mark.fault_case("64"), pytest.mark.fault_case("65")]

raw = tf.raw_ops


def saved(call: Callable[[Any], Any], folder: Path) -> Path:
    module = tf.Module()
    module.call = tf.function(call, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    tf.saved_model.save(module, str(folder), signatures=module.call)
    return folder


def after(done: Any, value: Any) -> dict[str, Any]:
    with tf.control_dependencies([done] if done is not None else []):
        return {"y": tf.identity(value)}


def table_of(path: Any) -> Any:
    table = raw.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    return raw.InitializeTableFromTextFileV2(
        table_handle=table, filename=path, key_index=-2, value_index=-1
    )


@tf.function(autograph=False)
def _in_a_function(value: Any, path: Any) -> Any:
    return after(table_of(path), value)["y"]


def remapped(path: Any) -> Any:
    return raw.GenerateVocabRemapping(
        new_vocab_file=path, old_vocab_file=path, new_vocab_offset=0, num_new_vocab=1
    )[0]


def counted(dataset: Any) -> Any:
    return dataset.reduce(np.int64(0), lambda n, _: n + 1)


# By the op that gives it away, what a graph does with the path of a file.
REACHING_OUT: dict[str, Callable[[Any], Any]] = {
    "ReadFile": lambda p: after(None, tf.io.read_file(p)),
    "WriteFile": lambda p: after(tf.io.write_file(p, "owned"), p),
    "MatchingFiles": lambda p: after(None, tf.io.matching_files(p)),
    "WholeFileReaderV2": lambda p: after(raw.WholeFileReaderV2(), p),
    "TFRecordReaderV2": lambda p: after(raw.TFRecordReaderV2(), p),
    "TextLineDataset": lambda p: after(counted(tf.data.TextLineDataset(p)), p),
    "TFRecordDataset": lambda p: after(counted(tf.data.TFRecordDataset(p)), p),
    "CacheDatasetV2": lambda p: after(counted(tf.data.Dataset.range(3).cache("cache")), p),
    "PyFunc": lambda p: after(None, tf.numpy_function(lambda x: x, [p], tf.string)),
    "EagerPyFunc": lambda p: after(None, tf.py_function(lambda x: x, [p], tf.string)),
    "PrintV2": lambda p: after(tf.print("owned", output_stream="file://owned"), p),
    "Print": lambda p: after(raw.Print(input=p, data=[p]), p),
    "ImmutableConst": lambda p: after(
        None, raw.ImmutableConst(dtype=tf.uint8, shape=[2], memory_region_name=SECRET)
    ),
    "DebugIdentity": lambda p: after(
        None, raw.DebugIdentity(input=p, debug_urls=["file://owned"], tensor_name="a")
    ),
    "DebugIdentityV2": lambda p: after(
        None, raw.DebugIdentityV2(input=p, debug_urls=["file://owned"])
    ),
    "GenerateVocabRemapping": lambda p: after(None, remapped(p)),
    "LoadAndRemapMatrix": lambda p: after(
        None,
        raw.LoadAndRemapMatrix(
            ckpt_path=p, old_tensor_name="a", row_remapping=[0], col_remapping=[0],
            initializing_values=[0.0], num_rows=1, num_cols=1,
        ),
    ),
    "SummaryWriter": lambda p: after(
        raw.CreateSummaryFileWriter(
            writer=raw.SummaryWriter(), logdir=p, max_queue=1, flush_millis=1, filename_suffix=""
        ),
        p,
    ),
    "FileSystemSetConfiguration": lambda p: after(
        raw.FileSystemSetConfiguration(scheme="file", key="a", value="b"), p
    ),
}  # fmt: skip

# Ops that a SavedModel needs, used for a file of the graph's or the caller's choice.
NAMING_FILES: dict[str, Callable[[Any], Any]] = {
    "SaveV2": lambda p: after(
        raw.SaveV2(prefix="owned", tensor_names=["a"], shape_and_slices=[""], tensors=[p]), p
    ),
    "RestoreV2": lambda p: after(
        None,
        raw.RestoreV2(prefix=SECRET, tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.string])[
            0
        ],
    ),
    "MergeV2Checkpoints": lambda p: after(
        raw.MergeV2Checkpoints(checkpoint_prefixes=[SECRET], destination_prefix="owned"), p
    ),
    "ShardedFilename": lambda p: after(
        None, raw.ShardedFilename(basename=SECRET, shard=0, num_shards=1)
    ),
    "InitializeTableFromTextFileV2": lambda p: after(table_of(SECRET), p),
    "SaveV2 of the caller's path": lambda p: after(
        raw.SaveV2(prefix=p, tensor_names=["a"], shape_and_slices=[""], tensors=[p]), p
    ),
    "table of the caller's path": lambda p: after(table_of(p), p),
    "in a branch": lambda p: {
        "y": tf.cond(tf.equal(p, ""), lambda: after(table_of(SECRET), p)["y"], lambda: p)
    },
    "in a function": lambda p: {"y": _in_a_function(p, tf.constant(SECRET))},
}


@pytest.mark.parametrize("op", REACHING_OUT)
def test_a_graph_that_reaches_files_or_python_is_refused(op: str, place: Path) -> None:
    model = saved(REACHING_OUT[op], place / "model")
    with refused(place, DataError, f"ops that no export needs: .*'{op}'"):
        load_saved_model(model)


@pytest.mark.parametrize("kind", NAMING_FILES)
def test_a_graph_that_names_a_file_is_refused(kind: str, place: Path) -> None:
    model = saved(NAMING_FILES[kind], place / "model")
    with refused(place, DataError, "names a file by itself|function to call that"):
        load_saved_model(model)


def test_every_op_that_passes_only_computes(record_property: Record) -> None:
    passing = harmless_ops.HARMLESS_OPS - harmless_ops.STATEFUL_OPS
    assert not [op for op in passing if op_def_registry.get(op).is_stateful]
    for part in ("File", "Dataset", "Reader", "PyFunc", "Print", "Debug", "Summary", "Checkpoint"):
        assert not [op for op in harmless_ops.HARMLESS_OPS if part in op], part
    record_property("came", f"{len(harmless_ops.HARMLESS_OPS):,} ops pass, no other")

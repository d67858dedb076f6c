"""SavedModels that would reach files, Python or more memory than they bring: refused unopened."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from tests.fault_cases import Record
from tests.faults.watched import refused
from tfrec_mt.schema import DataError
from tfrec_mt.serving import harmless_ops
from tfrec_mt.serving.load_saved_model import MOST_GRAPH_BYTES, load_saved_model

pytestmark = [pytest.mark.fault_case("64"), pytest.mark.fault_case("65")]

raw = tf.raw_ops
SECRET = "secret.txt"
Change = Callable[[Any], None]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a file that nobody may read or change; the test's working folder is in it."""
    (tmp_path / SECRET).write_text("7\n")
    return tmp_path


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


class _WithTable(tf.Module):
    """A table that is filled from an asset, and a variable."""

    def __init__(self, ids: Path) -> None:
        super().__init__()
        self.weights = tf.Variable(np.ones(1_000, np.float32))
        filled = tf.lookup.TextFileInitializer(str(ids), tf.string, -2, tf.int64, -1)
        self.table = tf.lookup.StaticHashTable(filled, 9)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def call(self, x: Any) -> Any:
        return {"y": self.table.lookup(x), "z": tf.gather(self.weights, [0])}


@pytest.fixture(scope="module")
def with_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("with_table")
    (folder / "ids.txt").write_text("a\nb\n")
    module = _WithTable(folder / "ids.txt")
    tf.saved_model.save(module, str(folder / "model"), signatures=module.call)
    return folder / "model"


@pytest.fixture
def model(with_table: Path, place: Path) -> Path:
    """A copy of a good model."""
    return Path(shutil.copytree(with_table, place / "model"))


def edited(model: Path, change: Change) -> None:
    path = model / "saved_model.pb"
    whole = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    change(whole.meta_graphs[0])
    path.write_bytes(whole.SerializeToString())


def function(graph: Any, part: str) -> Any:
    (found,) = (f for f in graph.graph_def.library.function if part in f.signature.name)
    return found


def node_of(function: Any, op: str) -> Any:
    return next(node for node in function.node_def if node.op == op)


def _constant_path(graph: Any) -> None:
    body = function(graph, "initializer")
    path = body.node_def.add(name="evil", op="Const")
    path.attr["value"].tensor.string_val.append(SECRET.encode())
    node_of(body, "InitializeTableFromTextFileV2").input[1] = "evil:output:0"


def _bound_to_no_asset(graph: Any) -> None:
    name = function(graph, "initializer").signature.name
    bound = graph.object_graph_def.concrete_functions[name].bound_inputs
    bound[:] = [0] * len(bound)


def _bound_to_nothing(graph: Any) -> None:
    name = function(graph, "initializer").signature.name
    graph.object_graph_def.concrete_functions[name].bound_inputs[:] = [10**6, 10**6]


def _saved_by_the_signature(graph: Any) -> None:
    call = node_of(function(graph, "signature_wrapper"), "StatefulPartitionedCall")
    call.attr["f"].func.name = function(graph, "traced_save").signature.name


def _restored_by_a_caller(graph: Any) -> None:
    told = graph.object_graph_def.nodes.add()
    told.bare_concrete_function.concrete_function_name = function(
        graph, "traced_restore"
    ).signature.name


def _saved_for_a_gradient(graph: Any) -> None:
    graph.graph_def.library.gradient.add(
        function_name=function(graph, "signature_wrapper").signature.name,
        gradient_func=function(graph, "traced_save").signature.name,
    )


def _saved_in_place_of_others(graph: Any) -> None:
    function(graph, "traced_save").attr["api_implements"].s = b"shared"


def _saved_elsewhere(graph: Any) -> None:
    body = function(graph, "traced_save")
    node_of(body, "Const").attr["value"].tensor.string_val[:] = [b"/../../owned"]


def _restored_at_the_start(graph: Any) -> None:
    outputs = graph.signature_def["__saved_model_init_op"].outputs
    outputs["restored"].name = graph.saver_def.restore_op_name


def _two_nodes_of_one_name(graph: Any) -> None:
    body = function(graph, "traced_save")
    body.node_def.add().CopyFrom(body.node_def[0])


EDITS: dict[str, tuple[Change, str]] = {
    "a table of a constant path": (_constant_path, "names a file by itself"),
    "a table of no asset": (_bound_to_no_asset, "reads or writes a file"),
    "a table of nothing": (_bound_to_nothing, "contradicts itself|reads or writes a file"),
    "a signature that saves": (_saved_by_the_signature, "names a file|reads or writes"),
    "a function that restores": (_restored_by_a_caller, "reads or writes a file"),
    "a gradient that saves": (_saved_for_a_gradient, "reads or writes"),
    "a save in place of others": (_saved_in_place_of_others, "in place of others"),
    "a save beside the path": (_saved_elsewhere, "names a file by itself"),
    "a restore at the start": (_restored_at_the_start, "names a file by itself"),
    "two nodes of one name": (_two_nodes_of_one_name, "two nodes are called"),
}


@pytest.mark.parametrize("kind", EDITS)
def test_an_edited_graph_is_refused(kind: str, model: Path) -> None:
    change, said = EDITS[kind]
    edited(model, change)
    with refused(model.parent, DataError, said):
        load_saved_model(model)


def test_a_good_model_loads_also_after_being_saved_again(model: Path) -> None:
    for _ in range(2):
        loaded = load_saved_model(model)
        answer = loaded.signatures["serving_default"](tf.constant(["b", "c"]))
        assert answer["y"].numpy().tolist() == [1, 9]
        model = model.with_name(f"again_{model.name}")
        tf.saved_model.save(loaded, str(model), signatures=loaded.signatures)


@pytest.mark.fault_case("67")
@pytest.mark.parametrize("name", [f"../../{SECRET}", "/etc/passwd", "", "gone.txt", "a\0b"])
def test_an_asset_elsewhere_is_refused(name: str, model: Path) -> None:
    edited(model, lambda graph: setattr(graph.asset_file_def[0], "filename", name))
    with refused(model.parent, DataError, "lies outside of|is missing"):
        load_saved_model(model)


@pytest.mark.fault_case("67")
def test_a_link_out_of_the_model_is_refused_and_one_inside_followed(model: Path) -> None:
    ids = model / "assets" / "ids.txt"
    ids.rename(model / "assets" / "moved.txt")
    ids.symlink_to("moved.txt")
    load_saved_model(model)
    ids.unlink()
    ids.symlink_to(model.parent / SECRET)
    with refused(model.parent, DataError, "a link out of its folder"):
        load_saved_model(model)


@pytest.mark.fault_case("70")
@pytest.mark.parametrize("name", ["saved_model.pb", "debug/saved_model_debug_info.pb"])
def test_a_graph_bomb_is_refused_unread(name: str, model: Path) -> None:
    (model / name).parent.mkdir(exist_ok=True)
    with (model / name).open("ab") as file:
        file.truncate(3 << 30)
    with refused(model.parent, DataError, f"at most {MOST_GRAPH_BYTES:,} bytes, got 3,221,225,472"):
        load_saved_model(model)


def test_variables_that_claim_more_than_their_file_holds_are_refused(model: Path) -> None:
    (data,) = (model / "variables").glob("*.data-*")
    data.write_bytes(data.read_bytes()[:100])
    with refused(model.parent, DataError, "claim .* bytes, its files hold 100"):
        load_saved_model(model)


def test_any_damage_of_a_graph_is_a_sentence(model: Path) -> None:
    path, seed = model / "saved_model.pb", 5
    rng, whole = np.random.default_rng(seed), path.read_bytes()
    for _ in range(40):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), 3):
            damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            load_saved_model(model)
        except DataError as error:
            assert str(model) in str(error)

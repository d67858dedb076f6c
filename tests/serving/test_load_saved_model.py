"""What may be loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tfrec_mt.schema import DataError
from tfrec_mt.serving.load_saved_model import load_saved_model

Call = Callable[[Any], Any]


def _saved(call: Call, folder: Path) -> Path:
    module = tf.Module()
    module.call = tf.function(call, input_signature=[tf.TensorSpec([], tf.string)])
    tf.saved_model.save(module, str(folder), signatures=module.call)
    return folder


def _read(path: Any) -> Any:
    return {"content": tf.io.read_file(path)}


def _write(path: Any) -> Any:
    tf.io.write_file(path, "owned")
    return {"path": path}


def _python(path: Any) -> Any:
    return {"path": tf.numpy_function(lambda value: value, [path], tf.string)}


def _nested(path: Any) -> Any:
    return {"content": tf.cond(tf.equal(path, ""), lambda: path, lambda: tf.io.read_file(path))}


@pytest.mark.parametrize(
    ("call", "op"),
    [(_read, "ReadFile"), (_write, "WriteFile"), (_python, "PyFunc"), (_nested, "ReadFile")],
)
def test_graphs_that_reach_out_are_refused(call: Call, op: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"ops that no export needs: .*{op}"):
        load_saved_model(_saved(call, tmp_path / "model"))


def test_a_harmless_graph_is_loaded(tmp_path: Path) -> None:
    loaded = load_saved_model(_saved(lambda text: {"twice": text + text}, tmp_path / "model"))
    assert loaded.signatures["serving_default"](tf.constant("a"))["twice"] == b"aa"


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a SavedModel"):
        load_saved_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\xff" * 10)
    with pytest.raises(DataError, match="expected a SavedModel"):
        load_saved_model(tmp_path)

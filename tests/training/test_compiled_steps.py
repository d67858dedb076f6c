"""A training's graphs are freed when it ends."""

import gc
from pathlib import Path

import pytest
from tensorflow.python.framework.func_graph import FuncGraph

from tests.training.small_runs import Kind, make_loop
from tfrec_mt.data.dataset import PreparedDataset


def graphs() -> int:
    gc.collect()
    return sum(isinstance(found, FuncGraph) for found in gc.get_objects())


@pytest.mark.parametrize("kind", ["base", "kernels"])
def test_graphs_are_freed(dataset: PreparedDataset, tmp_path: Path, kind: Kind) -> None:
    make_loop(dataset, tmp_path / "first", kind).run()  # takes what is kept once
    before = graphs()
    make_loop(dataset, tmp_path / "second", kind).run()
    assert graphs() == before

"""A memory alone: kernels without weights, in files and as a server runs them."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.worlds import random_batch, small_model, small_schema
from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.kernel_store import kernel_path, load_kernels, save_kernels
from tfrec_mt.adapters.knowledge_view import KnowledgeView
from tfrec_mt.adapters.memory import Memory, Remembered, memory_keys
from tfrec_mt.adapters.memory_kernels import MemoryKernels
from tfrec_mt.adapters.served_kernels import ServedKernels, write_domains
from tfrec_mt.errors import SchemaError

WIDTHS = {"ctr": 9, "ctcvr": 6}
DOMAINS = ("a", "b", "c")
BASE = "ab" * 32


def _kernels() -> MemoryKernels:
    """Each domain remembers itself and ten items."""
    layer, rng = MemoryKernels("region", DOMAINS, WIDTHS), np.random.default_rng(0)
    domains = []
    for _ in DOMAINS:
        items = np.sort(rng.choice(100, 10, replace=False)).astype(np.int64)
        keys = np.concatenate([memory_keys(0, np.zeros(1, np.int64)), memory_keys(1, items)])
        domains.append(Remembered(keys, rng.normal(size=(11, 2)).astype(np.float32)))
    layer.memory = Memory(["item_id"], [], [*WIDTHS], domains)
    return layer


def test_nothing_is_added_to_knowledge() -> None:
    layer = _kernels()
    rows = {task: tf.random.normal([20, width]) for task, width in WIDTHS.items()}
    codes = tf.constant([0, 1, 2, 3] * 5)
    directions = {task: np.ones(width, np.float32) for task, width in WIDTHS.items()}
    for added in (layer(rows, codes), layer.shifts(rows, codes, directions)):
        assert not any(values.numpy().any() for values in added.values())
    assert layer.weights == [] and layer.trained_weights_of_one == 0
    layer.scale_residuals(np.zeros(3))
    assert layer.memory is not None and len(layer.memory) == 33


def test_a_model_adds_offsets_to_the_bases_logits() -> None:
    base = small_model("olr", small_schema())
    layer = _kernels()
    topic = base.schema.topic("region")
    whole = MemoryKernels(topic.name, topic.domains, base.knowledge_widths)
    none = Remembered(np.zeros(0, np.int64), np.zeros((0, 2), np.float32))
    assert layer.memory is not None
    known = dict(zip(topic.domains, layer.memory.domains, strict=False))
    whole.memory = Memory(
        ["item_id"], [], base.tasks, [known.get(domain, none) for domain in topic.domains]
    )
    features, _ = random_batch(base.schema, 300)
    model = AdaptedModel(base, [whole])
    plain = base.logits(base.knowledge(features))["ctr"].numpy()[:, 0].astype(np.float64)
    for row, code in enumerate(features["region"]):
        if code:
            own = dict(zip(*map(list, whole.memory.domains[code - 1]), strict=True))
            keys = (0, int(memory_keys(1, np.array([features["item_id"][row]], np.int64))[0]))
            plain[row] += sum(float(own[key][0]) for key in keys if key in own)
    found = model(features)["ctr"].numpy()[:, 0]
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-plain)), atol=1e-6)
    nowhere = features["region"] == 0
    np.testing.assert_array_equal(found[nowhere], base(features)["ctr"].numpy()[nowhere, 0])
    assert np.any(found != base(features)["ctr"].numpy()[:, 0])


def test_files_hold_a_memory_and_nothing_else(tmp_path: Path) -> None:
    layer, view = _kernels(), KnowledgeView(WIDTHS)
    for task, width in WIDTHS.items():
        view.fit(task, np.random.default_rng(0).normal(size=(30, width)))
    save_kernels(layer, tmp_path, BASE, view)
    kernel_path(tmp_path, "region", "b").unlink()
    (found,) = load_kernels(tmp_path, BASE)
    assert isinstance(found, MemoryKernels) and found.domains == ("a", "c")
    assert layer.memory is not None and found.memory is not None
    for place, domain in ((0, "a"), (1, "c")):
        expected = layer.memory.domains[DOMAINS.index(domain)]
        for one, other in zip(found.memory.domains[place], expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert kernel_path(tmp_path, "region", "a").stat().st_size < 1_000


@pytest.mark.parametrize("along", [False, True])
def test_a_server_holds_offsets_alone(along: bool, tmp_path: Path) -> None:
    layer = _kernels()
    write_domains(tmp_path / "domains.txt", DOMAINS)
    directions = {task: np.ones(width) for task, width in WIDTHS.items()} if along else None
    served = ServedKernels(tmp_path / "domains.txt", layer.folded(directions), layer.memory)
    assert served.weights_of_one == 0 and set(served.stacks) == {"memory_keys", "memory_offsets"}
    rows = {task: tf.zeros([200, width]) for task, width in WIDTHS.items()}
    codes = served.codes(tf.constant(["nowhere", *DOMAINS] * 50))
    assert served(rows, codes) == {}
    items = tf.constant(np.random.default_rng(1).integers(0, 100, 200).astype(np.int32))
    found = served.remembered({"item_id": items}, codes, {})
    assert layer.memory is not None
    for task, offsets in layer.memory.offsets(codes, {"item_id": items}, {}).items():
        np.testing.assert_array_equal(found[task], offsets[:, 0])
        assert not found[task].numpy()[codes.numpy() == 0].any() and found[task].numpy().any()


def test_a_request_looks_in_a_memory_and_copies_none(tmp_path: Path) -> None:
    layer = _kernels()
    write_domains(tmp_path / "domains.txt", DOMAINS)
    served = ServedKernels(tmp_path / "domains.txt", layer.folded(None), layer.memory)
    specs = {"item_id": tf.TensorSpec([None], tf.int32)}, tf.TensorSpec([None], tf.int32)
    remembered = tf.function(lambda ids, codes: served.remembered(ids, codes, {}))
    graph = remembered.get_concrete_function(*specs).graph
    # what neither copies keys nor has a server copy them
    searched = {"Reshape", "Shape", "UpperBound", "GatherV2"}
    read = [op for op in graph.get_operations() if op.type == "ReadVariableOp"]
    assert len(read) == 2 and not any("ResourceGather" in op.type for op in graph.get_operations())
    assert {user.type for op in read for user in op.outputs[0].consumers()} <= searched


def test_keras_has_nothing_to_fit() -> None:
    base = small_model("olr", small_schema())
    topic = base.schema.topic("region")
    model = AdaptedModel(base, [MemoryKernels(topic.name, topic.domains, base.knowledge_widths)])
    model.compile("adam")
    with pytest.raises(SchemaError, match="a memory alone have no weights"):
        model.fit(*random_batch(base.schema, 20), epochs=1)

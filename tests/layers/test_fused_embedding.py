import keras
import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.layers.fused_embedding import FusedEmbedding

ROWS = {"user": 5, "item": 7, "age": 3}
TABLES = {"user_id": "user", "item_id": "item", "history_item_id": "item", "age": "age"}


def embedding() -> FusedEmbedding:
    layer = FusedEmbedding(ROWS, TABLES, width=4)
    layer.build()
    return layer


def codes(*shape: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        name: rng.integers(0, ROWS[TABLES[name]], shape).astype(np.int32)
        for name in ("user_id", "history_item_id", "item_id")
    }


@pytest.mark.parametrize("shape", [(0,), (1,), (9,), (4, 6, 1)])
def test_lookup_equals_a_lookup_in_each_table(shape: tuple[int, ...]) -> None:
    layer = embedding()
    whole = layer.table.numpy()
    tables = {"user": whole[:5], "item": whole[5:12], "age": whole[12:]}
    given = codes(*shape)
    expected = [tables[TABLES[name]][values] for name, values in given.items()]
    np.testing.assert_array_equal(layer(given).numpy(), np.concatenate(expected, axis=-1))


def test_int64_codes_and_first_and_last_row_of_a_table() -> None:
    layer = embedding()
    found = layer({"age": np.array([0, 2], np.int64)})
    np.testing.assert_array_equal(found.numpy(), layer.table.numpy()[[12, 14]])


def test_some_rows_of_a_lookup_can_be_gathered_later() -> None:
    layer = embedding()
    given = codes(5)
    rows = layer.rows(given)
    np.testing.assert_array_equal(layer.gather(rows[1:3]).numpy(), layer(given).numpy()[1:3])


def test_gradient_has_one_slice_per_code_and_no_whole_table() -> None:
    layer = embedding()
    given = codes(3)
    rng = np.random.default_rng(1)
    upstream = rng.normal(size=(3, 3, 4)).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(given) * upstream.reshape(3, 12))
    gradient = tape.gradient(loss, layer.table.value)
    assert isinstance(gradient, tf.IndexedSlices)
    assert gradient.indices.shape[0] == sum(values.size for values in given.values())

    expected = np.zeros((15, 4))
    starts = {"user_id": 0, "item_id": 5, "history_item_id": 5}
    for place, (name, values) in enumerate(given.items()):
        for code, row in zip(values, upstream[:, place], strict=True):
            expected[starts[name] + code] += row
    np.testing.assert_allclose(tf.convert_to_tensor(gradient).numpy(), expected, atol=1e-5)


def test_an_update_changes_no_other_row() -> None:
    layer = embedding()
    before = layer.table.numpy()
    optimizer = keras.optimizers.SGD(0.5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer({"item_id": np.array([1, 1, 4], np.int32)}))
    optimizer.apply([tape.gradient(loss, layer.table.value)], [layer.table])
    changed = np.flatnonzero(np.any(layer.table.numpy() != before, axis=1))
    assert changed.tolist() == [5 + 1, 5 + 4]


def test_ranks_and_width_stay_known_in_a_graph() -> None:
    layer = embedding()
    shapes = []

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def look_up(items: tf.Tensor) -> tf.Tensor:
        found = layer({"item_id": items})
        shapes.append(found.shape.as_list())
        return found

    look_up(np.zeros((2, 3), np.int32))
    assert shapes == [[None, None, 4]]


def test_no_step_reads_the_whole_table() -> None:
    layer = embedding()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def gradient_values(items: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer({"item_id": items}) ** 2)
        return tape.gradient(loss, layer.table.value).values

    kinds = {node.type for node in gradient_values.get_concrete_function().graph.get_operations()}
    assert "ResourceGather" in kinds
    assert "ReadVariableOp" not in kinds


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"\['shop'\].*\['item'\]"):
        FusedEmbedding({"item": 3}, {"item_id": "item", "shop_id": "shop"}, width=2)

"""LazyAdam against Adam where they agree, and against its rule where they do not."""

from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.training.optimizers.lazy_adam import LazyAdam


def slices(indices: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> tf.IndexedSlices:
    shape = tf.constant([9, values.shape[1]])
    return tf.IndexedSlices(tf.constant(values), tf.constant(indices), shape)


@pytest.mark.parametrize("width", [3, 33])
def test_only_touched_rows_follow_adam(width: int) -> None:
    rng = np.random.default_rng(0)
    p = rng.normal(size=(9, width))
    m, v = np.zeros_like(p), np.zeros_like(p)
    table = tf.Variable(p, dtype=tf.float32)
    optimizer = LazyAdam(0.05, beta_1=0.8, beta_2=0.95, epsilon=1e-3)
    optimizer.build([table])

    @tf.function
    def step(gradient: tf.IndexedSlices) -> None:
        optimizer.apply([gradient], [table])

    for t in range(1, 31):
        indices = rng.integers(t % 4, t % 4 + 4, size=6)  # Duplicates; row 8 never appears.
        values = rng.normal(size=(6, width)).astype(np.float32)
        step(slices(indices, values))
        for row in set(indices.tolist()):
            g = sum(values[indices == row].astype(np.float64))
            m[row] = 0.8 * m[row] + 0.2 * g
            v[row] = 0.95 * v[row] + 0.05 * g**2
            m_hat, v_scale = m[row] / (1 - 0.8**t), np.sqrt(1 - 0.95**t)
            p[row] -= 0.05 * m_hat * v_scale / (np.sqrt(v[row]) + 1e-3)
        np.testing.assert_allclose(table, p, rtol=1e-4, atol=1e-6)


def test_it_is_adam_for_dense_gradients_and_for_rows_that_are_always_there() -> None:
    rng = np.random.default_rng(1)
    start = rng.normal(size=(9, 2)).astype(np.float32)
    adam, lazy = keras.optimizers.Adam(0.1), LazyAdam(0.1)
    reference, dense, table = (tf.Variable(start) for _ in range(3))
    for _ in range(12):
        gradient = rng.normal(size=(9, 2)).astype(np.float32)
        adam.apply([tf.constant(gradient)], [reference])
        lazy.apply([tf.constant(gradient), slices(np.arange(9), gradient)], [dense, table])
        np.testing.assert_allclose(dense, reference, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(table, reference, rtol=1e-5, atol=1e-5)


def test_unlike_adam_an_absent_row_stands_still() -> None:
    adam, lazy = keras.optimizers.Adam(0.1), LazyAdam(0.1)
    reference, table = tf.Variable(tf.zeros([9, 1])), tf.Variable(tf.zeros([9, 1]))
    first, second = (slices(np.array([row]), np.ones((1, 1), np.float32)) for row in (2, 5))
    adam.apply([first], [reference])
    lazy.apply([first], [table])
    after_first = table.numpy()
    adam.apply([second], [reference])
    lazy.apply([second], [table])
    assert table.numpy()[2] == after_first[2]
    assert reference.numpy()[2] < after_first[2]


def test_a_row_that_appears_late_takes_the_documented_first_step() -> None:
    table = tf.Variable(tf.zeros([9, 1]))
    optimizer = LazyAdam(0.1)
    optimizer.build([table])
    optimizer.iterations.assign(1_000_000)
    optimizer.apply([slices(np.array([2]), np.ones((1, 1), np.float32))], [table])
    assert table.numpy()[2, 0] == pytest.approx(-0.1 * 0.1 / np.sqrt(0.001), rel=1e-4)


def test_no_operation_of_a_row_step_sees_the_whole_table() -> None:
    rows = 7919  # Of no other tensor in the step.
    table = tf.Variable(tf.zeros([rows, 2]))
    optimizer = LazyAdam(0.1)
    optimizer.build([table])

    def step(indices: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.gather(table, indices) ** 2)
        optimizer.apply(tape.gradient(loss, [table]), [table])

    graph = tf.function(step).get_concrete_function(tf.TensorSpec([None], tf.int32)).graph
    outputs = [t for op in graph.get_operations() for t in op.outputs]
    assert len(outputs) > 50
    assert [t for t in outputs if t.shape.rank and t.shape[0] == rows] == []


def test_fit_trains_a_model() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.layers.Embedding(10, 4), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 100, 0.5)
    model.compile(optimizer=LazyAdam(schedule), loss="mse")
    ids = np.tile(np.array([[1], [2], [3], [4]]), (8, 1))
    history = model.fit(ids, (ids > 2).astype(np.float32), batch_size=4, epochs=5, verbose=0)
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]


def test_config_makes_an_equal_optimizer() -> None:
    optimizer = LazyAdam(0.5, beta_1=0.7, beta_2=0.8, epsilon=1e-4, global_clipnorm=3.0)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(copy, LazyAdam)
    assert copy.get_config() == optimizer.get_config()
    assert (copy.beta_1, copy.beta_2, copy.epsilon) == (0.7, 0.8, 1e-4)


def test_a_checkpoint_holds_the_moments(tmp_path: Path) -> None:
    gradient = slices(np.array([1, 1, 4]), np.ones((3, 2), np.float32))

    def fresh() -> tuple[LazyAdam, tf.Variable, tf.train.Checkpoint]:
        optimizer, table = LazyAdam(0.1), tf.Variable(tf.ones([9, 2]))
        optimizer.build([table])
        return optimizer, table, tf.train.Checkpoint(optimizer=optimizer, table=table)

    optimizer, table, checkpoint = fresh()
    optimizer.apply([gradient], [table])
    path = checkpoint.write(str(tmp_path / "one"))
    resumed, resumed_table, target = fresh()
    target.read(path).assert_existing_objects_matched()
    for opt, variable in ((optimizer, table), (resumed, resumed_table)):
        opt.apply([gradient], [variable])
    np.testing.assert_array_equal(table, resumed_table)


@pytest.mark.parametrize(
    ("argument", "value"), [("beta_1", 1.0), ("beta_2", -0.1), ("epsilon", 0.0)]
)
def test_arguments_out_of_range_are_refused(argument: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"LazyAdam: {argument} must be .* got {value}"):
        LazyAdam(**cast(dict[str, Any], {argument: value}))

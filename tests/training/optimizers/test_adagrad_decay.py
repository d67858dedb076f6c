"""AdagradDecay against its rule written out, dense, in NumPy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.training.optimizers.adagrad_decay import AdagradDecay

FloatArray = np.ndarray[Any, np.dtype[np.floating[Any]]]
RowGradient = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


class DenseRule:
    """The published rule on every element at every step, in float64."""

    def __init__(self, p: FloatArray, v0: float, decay_rate: float, decay_steps: int) -> None:
        self.p, self.v = p.astype(np.float64), np.full(p.shape, v0)
        self.v0, self.decay_rate, self.decay_steps = v0, decay_rate, decay_steps
        self.t = 0

    def step(self, g: FloatArray, rate: float) -> None:
        self.t += 1
        if self.t % self.decay_steps == 0:
            self.v = np.maximum(self.v * self.decay_rate, self.v0)
        self.v = self.v + g**2
        self.p = self.p - rate * g / np.sqrt(self.v)


def row_gradients(
    rng: np.random.Generator, shape: tuple[int, ...], steps: int
) -> Iterator[RowGradient]:
    """Row gradients with duplicates; each row is away for long stretches."""
    for step in range(steps):
        window = (np.arange(4) + step // 5) % (shape[0] - 2)  # The last two rows never appear.
        indices = rng.choice(window, size=7)
        yield indices, rng.normal(size=(7, *shape[1:])).astype(np.float32)


def dense(gradient: RowGradient, shape: tuple[int, ...]) -> FloatArray:
    total = np.zeros(shape)
    np.add.at(total, gradient[0], gradient[1])
    return total


def slices(gradient: RowGradient, shape: tuple[int, ...]) -> tf.IndexedSlices:
    indices, values = (tf.constant(part) for part in gradient)
    return tf.IndexedSlices(values, indices, tf.constant(shape))


@pytest.mark.parametrize("shape", [(12, 3), (12,), (12, 2, 2), (12, 33)])
def test_rows_follow_the_dense_rule(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    start = rng.normal(size=shape)
    rule = DenseRule(start, v0=0.2, decay_rate=0.6, decay_steps=4)
    optimizer = AdagradDecay(
        0.3, initial_accumulator_value=0.2, decay_rate=rule.decay_rate, decay_steps=4
    )
    table = tf.Variable(start, dtype=tf.float32)
    optimizer.build([table])

    @tf.function
    def step(gradient: tf.IndexedSlices) -> None:
        optimizer.apply([gradient], [table])

    for gradient in row_gradients(rng, shape, steps=80):
        step(slices(gradient, shape))
        rule.step(dense(gradient, shape), 0.3)
        np.testing.assert_allclose(table, rule.p, rtol=2e-5, atol=1e-6)
        touched = np.unique(gradient[0])
        accumulator = optimizer._accumulators[0].numpy()
        np.testing.assert_allclose(accumulator[touched], rule.v[touched], rtol=2e-5)

    np.testing.assert_array_equal(table[-2:], start[-2:].astype(np.float32))
    everywhere = (np.arange(shape[0]), np.ones(shape, np.float32))
    step(slices(everywhere, shape))
    rule.step(dense(everywhere, shape), 0.3)
    np.testing.assert_allclose(optimizer._accumulators[0], rule.v, rtol=2e-5)


def test_dense_gradients_follow_the_rule() -> None:
    rng = np.random.default_rng(1)
    starts = [rng.normal(size=shape) for shape in ((3, 4), (5,), ())]
    rules = [DenseRule(start, v0=0.1, decay_rate=0.5, decay_steps=3) for start in starts]
    variables = [tf.Variable(start, dtype=tf.float32) for start in starts]
    optimizer = AdagradDecay(0.2, decay_rate=0.5, decay_steps=3)
    for _ in range(20):
        gradients = [rng.normal(size=start.shape).astype(np.float32) for start in starts]
        optimizer.apply([tf.constant(g) for g in gradients], variables)
        for rule, gradient, variable in zip(rules, gradients, variables, strict=True):
            rule.step(gradient, 0.2)
            np.testing.assert_allclose(variable, rule.p, rtol=1e-5, atol=1e-6)


def test_a_variable_may_have_row_and_dense_gradients_in_turn() -> None:
    rng = np.random.default_rng(2)
    shape = (12, 3)
    rule = DenseRule(np.zeros(shape), v0=0.1, decay_rate=0.7, decay_steps=2)
    table = tf.Variable(tf.zeros(shape))
    optimizer = AdagradDecay(0.1, decay_rate=0.7, decay_steps=2)
    for step, gradient in enumerate(row_gradients(rng, shape, steps=40)):
        by_row = slices(gradient, shape)
        optimizer.apply([tf.convert_to_tensor(by_row) if step % 9 == 8 else by_row], [table])
        rule.step(dense(gradient, shape), 0.1)
        np.testing.assert_allclose(table, rule.p, rtol=2e-5, atol=1e-6)


def test_the_accumulator_stays_above_its_floor() -> None:
    optimizer = AdagradDecay(0.1, initial_accumulator_value=0.3, decay_rate=0.1, decay_steps=1)
    table, bias = tf.Variable(tf.zeros([3, 1])), tf.Variable(tf.zeros([1]))
    for row in (0, 1, 1, 1, 0):
        nothing = tf.IndexedSlices(tf.zeros([1, 1]), tf.constant([row]), tf.constant([3, 1]))
        optimizer.apply([nothing, tf.zeros([1])], [table, bias])
    for accumulator in optimizer._accumulators:
        np.testing.assert_array_equal(accumulator, np.full(accumulator.shape, np.float32(0.3)))


def test_a_learning_rate_schedule_is_followed() -> None:
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2, 4], [0.5, 0.05, 0.005])
    optimizer = AdagradDecay(schedule)
    rule = DenseRule(np.zeros((4, 2)), v0=0.1, decay_rate=0.9, decay_steps=100_000)
    table = tf.Variable(tf.zeros([4, 2]))
    gradient = (np.array([1, 1, 3]), np.ones((3, 2), np.float32))
    for rate in (0.5, 0.5, 0.5, 0.05, 0.05, 0.005):
        optimizer.apply([slices(gradient, (4, 2))], [table])
        rule.step(dense(gradient, (4, 2)), rate)
    np.testing.assert_allclose(table, rule.p, rtol=1e-5)


def test_no_operation_of_a_row_step_sees_the_whole_table() -> None:
    rows = 7919  # Of no other tensor in the step.
    table = tf.Variable(tf.zeros([rows, 2]))
    optimizer = AdagradDecay(0.1, decay_steps=5, global_clipnorm=1.0)
    optimizer.build([table])

    def step(indices: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.gather(table, indices) ** 2)
        optimizer.apply(tape.gradient(loss, [table]), [table])

    graph = tf.function(step).get_concrete_function(tf.TensorSpec([None], tf.int32)).graph
    inner = [graph._get_function(name).graph for name in graph._functions]
    outputs = [t for g in [graph, *inner] for op in g.get_operations() for t in op.outputs]
    assert len(inner) > 0
    assert len(outputs) > 50
    whole = [t for t in outputs if t.shape.rank and t.shape[0] == rows]
    assert whole == []


def test_fit_trains_a_model_and_leaves_absent_rows_alone() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.layers.Embedding(10, 4), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile(optimizer=AdagradDecay(0.5, decay_steps=3), loss="mse")
    ids = np.tile(np.array([[1], [2], [3], [4]]), (8, 1))
    model.build((None, 1))
    before = model.layers[0].embeddings.numpy()
    history = model.fit(ids, (ids > 2).astype(np.float32), batch_size=4, epochs=5, verbose=0)
    after = model.layers[0].embeddings.numpy()
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]
    changed = np.flatnonzero((before != after).any(axis=1))
    assert changed.tolist() == [1, 2, 3, 4]


def test_config_makes_an_equal_optimizer() -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    optimizer = AdagradDecay(schedule, 0.3, 0.8, 7, clipnorm=2.0)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(copy, AdagradDecay)
    assert copy.get_config() == optimizer.get_config()
    assert (copy.initial_accumulator_value, copy.decay_rate, copy.decay_steps) == (0.3, 0.8, 7)


def test_a_checkpoint_continues_to_the_bit(tmp_path: Path) -> None:
    shape = (12, 3)
    gradients = list(row_gradients(np.random.default_rng(4), shape, steps=30))

    def fresh() -> tuple[AdagradDecay, tf.Variable, tf.train.Checkpoint]:
        optimizer, table = AdagradDecay(0.1, decay_steps=4), tf.Variable(tf.ones(shape))
        optimizer.build([table])
        return optimizer, table, tf.train.Checkpoint(optimizer=optimizer, table=table)

    optimizer, table, checkpoint = fresh()
    for gradient in gradients[:15]:
        optimizer.apply([slices(gradient, shape)], [table])
    path = checkpoint.write(str(tmp_path / "half"))
    resumed, resumed_table, target = fresh()
    target.read(path).assert_existing_objects_matched()
    for gradient in gradients[15:]:
        optimizer.apply([slices(gradient, shape)], [table])
        resumed.apply([slices(gradient, shape)], [resumed_table])
    np.testing.assert_array_equal(table, resumed_table)
    for one, other in zip(optimizer.variables, resumed.variables, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("initial_accumulator_value", 0.0),
        ("decay_rate", 0.0),
        ("decay_rate", 1.1),
        ("decay_steps", 0),
        ("decay_steps", 2.5),
    ],
)
def test_arguments_out_of_range_are_refused(argument: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"AdagradDecay: {argument} must be .* got {value}"):
        AdagradDecay(**cast(dict[str, Any], {argument: value}))

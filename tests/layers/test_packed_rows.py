import numpy as np
import tensorflow as tf

from tfrec_mt.layers.packed_rows import PackedRows

MASK = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 1]], bool)
VALUES = np.arange(27, dtype=np.float32).reshape(3, 3, 3) + 1.0


def test_pack_keeps_the_real_and_unpack_puts_zeros_between() -> None:
    packed = PackedRows.of(tf.constant(MASK))
    rows = packed.pack(tf.constant(VALUES))
    np.testing.assert_array_equal(rows, VALUES[MASK])
    np.testing.assert_array_equal(packed.unpack(rows), VALUES * MASK[..., np.newaxis])


def test_each_is_the_others_gradient() -> None:
    packed = PackedRows.of(tf.constant(MASK))
    values, rows = tf.constant(VALUES), tf.constant(VALUES[MASK])
    weights = np.random.default_rng(0).normal(size=VALUES.shape).astype(np.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([values, rows])
        one = tf.reduce_sum(packed.pack(values) * weights[MASK])
        other = tf.reduce_sum(packed.unpack(rows) * weights)
    np.testing.assert_array_equal(tape.gradient(one, values), weights * MASK[..., np.newaxis])
    np.testing.assert_array_equal(tape.gradient(other, rows), weights[MASK])

import numpy as np
import pytest
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


@pytest.mark.parametrize(
    ("real", "rows"), [(0, 0), (1, 1), (5, 5), (17, 18), (33, 36), (1000, 1024)]
)
def test_filler_brings_rows_to_one_of_few_numbers(real: int, rows: int) -> None:
    mask = np.zeros((50, 20), bool)
    mask.flat[np.random.default_rng(0).permutation(1000)[:real]] = True
    values = np.random.default_rng(1).normal(size=(50, 20, 2)).astype(np.float32)
    packed = PackedRows.of(tf.constant(mask), few_sizes=True)
    got = packed.pack(tf.constant(values)).numpy()
    assert got.shape == (rows, 2)
    np.testing.assert_array_equal(got[:real], values[mask])
    assert not got[real:].any()
    np.testing.assert_array_equal(packed.unpack(got + 1.0), (values + 1.0) * mask[..., np.newaxis])
    owners = packed.owners().numpy()
    np.testing.assert_array_equal(owners[:real], np.nonzero(mask)[0])
    assert (owners[real:] == 50).all()


def test_filler_never_has_a_gradient() -> None:
    mask = np.arange(40).reshape(2, 20) < 37
    packed = PackedRows.of(tf.constant(mask), few_sizes=True)
    rows = tf.ones([40, 3])
    with tf.GradientTape() as tape:
        tape.watch(rows)
        total = tf.reduce_sum(packed.unpack(rows))
    slope = tape.gradient(total, rows).numpy()
    assert slope[:37].all() and not slope[37:].any()

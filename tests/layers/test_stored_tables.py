"""Embedding tables in fewer bytes, for serving."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.worlds import random_batch, randomise, small_schema
from tfrec_mt.errors import SchemaError
from tfrec_mt.layers.front_end import FrontEnd
from tfrec_mt.layers.fused_embedding import FusedEmbedding
from tfrec_mt.layers.stored_tables import Int8Rows, stored_tables


def table(rows: int = 500, width: int = 16) -> np.ndarray:
    """Rows of very different sizes, one column that is far larger, and a row of zeros."""
    rng = np.random.default_rng(0)
    values = 0.05 * rng.normal(size=(rows, width)) * np.exp(rng.normal(size=(rows, 1)))
    values[:, 3] = rng.normal(size=rows)
    values[7] = 0.0
    return values.astype(np.float32)


def read(rows: Int8Rows) -> np.ndarray:
    return np.asarray(rows.codes * rows.steps)


def test_an_element_is_off_by_half_a_step_of_its_column_at_most() -> None:
    values = table()
    found = Int8Rows.of(values)
    assert (np.abs(read(found) - values) <= 0.5001 * found.steps).all()
    assert (np.abs(found.codes).max(axis=0) == 127).all()
    # the large column does not cost the others their digits
    small = np.delete(np.arange(16), 3)
    error = np.square(read(found) - values)[:, small].mean() / np.square(values)[:, small].mean()
    assert error < 5e-3


def test_zeros_stay_zeros_and_nothing_overflows() -> None:
    values = table()
    assert not read(Int8Rows.of(values))[7].any()
    nothing = np.zeros((4, 8), np.float32)
    assert np.array_equal(read(Int8Rows.of(nothing)), nothing)
    assert read(Int8Rows.of(np.zeros((0, 8), np.float32))).shape == (0, 8)
    large = Int8Rows.of(np.float32(1e30) * values)
    assert np.isfinite(read(large)).all()


@pytest.mark.parametrize("width", [4, 8, 64])
def test_rows_take_a_quarter_of_the_bytes(width: int) -> None:
    values = table(width=width)
    assert Int8Rows.of(values).codes.nbytes == values.nbytes / 4


class Model(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = FusedEmbedding({"item": 500}, {"item": "item", "other": "item"}, 16)
        self.embedding.build()
        self.embedding.table.assign(table())

    def call(self, codes: dict[str, tf.Tensor]) -> tf.Tensor:
        return self.embedding(codes)


@pytest.mark.parametrize("precision", ["int8", "bfloat16"])
def test_inside_the_block_rows_are_rounded_and_afterwards_they_are_not(precision: str) -> None:
    model = Model()
    codes = {"item": tf.constant([1, 7, 499]), "other": tf.constant([0, 2, 7])}
    whole = model(codes).numpy()
    with stored_tables(model, precision):  # type: ignore[arg-type]
        rounded = model(codes).numpy()
        graph = tf.function(model.__call__)(codes).numpy()
    np.testing.assert_allclose(graph, rounded, rtol=1e-6)  # a graph may multiply in another order
    assert rounded.shape == whole.shape
    assert not np.array_equal(rounded, whole)
    np.testing.assert_allclose(rounded, whole, atol=0.03)
    assert np.array_equal(model(codes).numpy(), whole)


def test_sequence_modules_take_steps_into_their_weights() -> None:
    """As if the table held the rounded rows, in all that reads a history."""
    schema = small_schema(long=12)
    front_end = FrontEnd(schema, 4, heads=2, head_width=4, long_top=4)
    model = keras.Sequential([front_end])
    front_end.build()
    randomise(front_end)
    features, _ = random_batch(schema, 32)
    whole = front_end(features).numpy()
    with stored_tables(model, "int8"):
        in_steps = front_end(features).numpy()
    embedding = front_end.embedding
    embedding.table.assign(read(Int8Rows.of(embedding.table.numpy())))
    np.testing.assert_allclose(in_steps, front_end(features).numpy(), rtol=1e-4, atol=1e-5)
    assert np.abs(in_steps - whole).max() > 1e-3


def test_a_model_without_tables_is_refused_unless_nothing_is_asked_of_it() -> None:
    model = keras.Sequential([keras.layers.Dense(1)])
    with stored_tables(model, "float32"):
        pass
    with (
        pytest.raises(
            SchemaError, match="table_precision='int8': expected float32, Sequential has"
        ),
        stored_tables(model, "int8"),
    ):
        pass

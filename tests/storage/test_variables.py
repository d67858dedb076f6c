from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfrec_mt.storage.variables import (
    VariableMismatchError,
    load_variables,
    named_variables,
    save_variables,
)


def example(seed: int = 0) -> dict[str, tf.Variable]:
    rng = np.random.default_rng(seed)
    return {
        "net/kernel": tf.Variable(rng.normal(size=(3, 2)).astype(np.float32)),
        "net/bias": tf.Variable(rng.normal(size=2)),
        "step": tf.Variable(seed, dtype=tf.int64),
    }


def values(variables: dict[str, tf.Variable]) -> dict[str, list[object]]:
    return {name: variable.numpy().tolist() for name, variable in variables.items()}


def test_round_trip_restores_every_bit(tmp_path: Path) -> None:
    saved, restored = example(0), example(1)
    save_variables(saved, tmp_path)
    load_variables(restored, tmp_path)
    assert values(restored) == values(saved)


def test_every_mismatch_is_listed_and_nothing_restored(tmp_path: Path) -> None:
    save_variables(example(0), tmp_path)
    wanted = example(1)
    wanted["net/kernel"] = tf.Variable(np.zeros((4, 2), np.float32))
    wanted["net/bias"] = tf.Variable(np.zeros(2, np.float32))
    wanted["extra/kernel"] = wanted.pop("step")
    before = values(wanted)
    with pytest.raises(VariableMismatchError) as error:
        load_variables(wanted, tmp_path)
    message = str(error.value)
    assert f"missing in {tmp_path}: extra/kernel" in message
    assert "not in the model: step" in message
    assert "net/kernel: stored float32[3, 2], the model has float32[4, 2]" in message
    assert "net/bias: stored float64[2], the model has float32[2]" in message
    assert values(wanted) == before


def test_no_flipped_byte_restores_other_values(tmp_path: Path) -> None:
    saved = example(0)
    save_variables(saved, tmp_path)
    expected = values(saved)
    rng = np.random.default_rng(0)
    refused = 0
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        for place in rng.integers(len(whole), size=25):
            damaged = bytearray(whole)
            damaged[place] ^= 0x10
            path.write_bytes(damaged)
            restored = example(1)
            try:
                load_variables(restored, tmp_path)
            except (VariableMismatchError, tf.errors.OpError):
                refused += 1
            else:  # a byte that holds nothing of the values, such as padding of the index
                assert values(restored) == expected
        path.write_bytes(whole)
    assert refused > 25


def test_names_are_keras_paths_and_twins_are_numbered_in_order() -> None:
    class Twins(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="twins")
            self.first = self.add_weight(name="w", shape=(1,))
            self.second = self.add_weight(name="w", shape=(2,))
            self.third = self.add_weight(name="w", shape=(3,))

    found = named_variables(Twins(), Twins())
    names = ["twins/w", *(f"twins/w#{i}" for i in range(1, 6))]
    assert {name: variable.shape[0] for name, variable in found.items()} == dict(
        zip(names, [1, 2, 3, 1, 2, 3], strict=True)
    )


def test_names_do_not_depend_on_what_was_made_before() -> None:
    def model() -> keras.Model:
        layers = [keras.layers.Dense(2, name="dense"), keras.layers.Dropout(0.5, name="dropout")]
        made = keras.Sequential([keras.Input((3,)), *layers], name="net")
        made.compile(optimizer=keras.optimizers.Adam(name="adam"))
        made.optimizer.build(made.trainable_variables)
        return made

    first, second = model(), model()
    names = list(named_variables(first, first.optimizer))
    assert list(named_variables(second, second.optimizer)) == names
    assert len(names) == len(first.variables) + len(first.optimizer.variables)

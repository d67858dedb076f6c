import numpy as np
import polars as pl

from tfrec_mt.data.hashing import derived_seed, id_keys, permutation, splitmix64, uniform

WORD = 2**64


def slow_mix(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return z ^ (z >> 31)


def test_splitmix64_equals_integer_arithmetic() -> None:
    gamma = 0x9E3779B97F4A7C15
    keys = [0, 1, 2**40, -1, -(2**63)]
    for seed in (0, 7, 2**64 - 1):
        expected = [
            slow_mix((slow_mix((k + gamma) % WORD) + (seed + 1) * gamma) % WORD) for k in keys
        ]
        assert splitmix64(np.array(keys), seed).tolist() == expected


def test_uniform_is_uniform_for_consecutive_keys() -> None:
    counts, _ = np.histogram(uniform(np.arange(100_000), 3), bins=20, range=(0, 1))
    assert np.abs(counts - 5_000).max() < 400


def test_permutation_holds_each_number_once_and_depends_on_every_seed() -> None:
    orders = [permutation(1_000, *seeds) for seeds in ((0, 0), (0, 1), (1, 0))]
    for order in orders:
        assert np.array_equal(np.sort(order), np.arange(1_000))
    assert not np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[1], orders[2])


def test_two_purposes_of_a_seed_are_independent() -> None:
    keys = np.arange(20_000)
    split = uniform(keys, derived_seed(5, "split")) < 0.8
    fold = (uniform(keys, derived_seed(5, "fold")) * 5).astype(int)
    shares = [split[fold == number].mean() for number in range(5)]
    assert np.abs(np.array(shares) - 0.8).max() < 0.03


def test_id_keys_keep_integers_and_hash_strings() -> None:
    assert id_keys(pl.Series([5, -3, 2**40])).tolist() == [5, -3, 2**40]

    def slow(text: str) -> int:
        value = 0xCBF29CE484222325
        for byte in text.encode():
            value = (value ^ byte) * 0x100000001B3 % WORD
        key = int(splitmix64(np.array([value], dtype=np.uint64))[0])
        return key - WORD if key >= WORD // 2 else key

    texts = ["b", "", "a", "Ärger", "b", "x" * 70, "ab"]
    assert id_keys(pl.Series(texts)).tolist() == [slow(text) for text in texts]

"""Hashes that are the same for every machine, release and chunking."""

import numpy as np
import numpy.typing as npt
import polars as pl

_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)
_GAMMA = 0x9E3779B97F4A7C15


def splitmix64(keys: npt.ArrayLike, seed: int = 0) -> npt.NDArray[np.uint64]:
    """A well mixed 64-bit hash of each integer, of any shape; `seed` chooses one of 2^64 functions.

    Reference:
      Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014: `mix` and
      `gamma` of SplitMix64, applied as `mix(mix(key + gamma) + (seed + 1) * gamma)`.
    """
    with np.errstate(over="ignore"):
        state = _mix(np.asarray(keys).astype(np.uint64) + np.uint64(_GAMMA))
        return _mix(state + np.uint64((seed + 1) * _GAMMA % 2**64))


def _mix(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def derived_seed(seed: int, *parts: int | str) -> int:
    """A separate seed for each use, so that no two uses of one seed draw the same numbers."""
    for part in parts:
        number = part if isinstance(part, int) else int.from_bytes(part.encode()) % 2**63
        seed = int(splitmix64(number, seed))
    return seed


def uniform(keys: npt.ArrayLike, seed: int = 0) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each integer, which depends on the integer and the seed alone."""
    return (splitmix64(keys, seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(n: int, *seeds: int) -> npt.NDArray[np.int64]:
    """The numbers below n in an order that depends on the seeds alone, int64 `[n]`."""
    return np.argsort(splitmix64(np.arange(n), derived_seed(0, *seeds)), kind="stable")


def id_keys(ids: pl.Series) -> npt.NDArray[np.int64]:
    """Ids as int64 keys `[n]`: integers stay as they are, strings become their FNV-1a hash.

    Two strings share a key with a chance of 2^-64 per pair.
    """
    if ids.dtype.is_integer():
        return ids.cast(pl.Int64).to_numpy()
    distinct = ids.unique()
    table = pl.DataFrame({"id": distinct, "key": _fnv1a(distinct)})
    joined = pl.DataFrame({"id": ids}).join(table, on="id", how="left", maintain_order="left")
    return joined["key"].to_numpy()


def _fnv1a(texts: pl.Series) -> npt.NDArray[np.int64]:
    """64-bit FNV-1a over UTF-8 bytes, one byte position of all texts at a time."""
    lengths = texts.str.len_bytes().to_numpy().astype(np.int64)
    content = np.frombuffer(texts.str.join("").item().encode(), dtype=np.uint8)
    starts = np.cumsum(lengths) - lengths
    hashes = np.full(len(lengths), _FNV_OFFSET, dtype=np.uint64)
    alive = np.arange(len(lengths))
    with np.errstate(over="ignore"):
        for position in range(int(lengths.max(initial=0))):
            alive = alive[lengths[alive] > position]
            letters = content[starts[alive] + position].astype(np.uint64)
            hashes[alive] = (hashes[alive] ^ letters) * _FNV_PRIME
    return splitmix64(hashes).view(np.int64)


def unknown_buckets(ids: pl.Series, buckets: int) -> npt.NDArray[np.int32]:
    """The bucket in `0..buckets - 1` of each id `[n]` that a vocabulary does not hold.

    The exported graph computes it with `tf.strings.to_hash_bucket_fast` of the id's decimal or
    UTF-8 text, so the same op is used here; TensorFlow is loaded only for two buckets or more.
    """
    if buckets == 1 or len(ids) == 0:
        return np.zeros(len(ids), dtype=np.int32)
    import tensorflow as tf

    texts = ids.cast(pl.String).to_numpy().astype(object)
    hashed: npt.NDArray[np.int64] = tf.strings.to_hash_bucket_fast(texts, buckets).numpy()
    return hashed.astype(np.int32)

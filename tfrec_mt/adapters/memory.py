"""`Memory`: what a domain's kernel remembers of ids, as logit offsets."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

# Bits of a key's lower half, which is the code.
_HALF = 32
# Names of what `Memory.arrays` returns, in files and among a server's variables.
MEMORY_ARRAYS = ("memory_keys", "memory_offsets")
# Key of the offset of the domain itself.
_OF_DOMAIN = 0


class Remembered(NamedTuple):
    """One domain's offsets.

    Attributes:
      keys: int64 `[M]`, ascending. The upper bits are the place of the feature plus one, or 0 for
        the domain itself; the lower 32 bits are the code.
      offsets: float32 `[M, T]`.
    """

    keys: NDArray[np.int64]
    offsets: NDArray[np.float32]

    def check(self, features: int, tasks: int) -> None:
        """Checks keys and offsets that were read from a file.

        Raises:
          ValueError: It is not what a domain can remember.
        """
        keys, offsets = self
        if keys.dtype != np.int64 or keys.ndim != 1 or (np.diff(keys) <= 0).any():
            raise ValueError("expected ascending whole numbers as what its memory is sorted by")
        if len(keys) and not 0 <= keys[0] <= keys[-1] < (features + 1) << _HALF:
            raise ValueError(f"expected a memory of {features} features")
        if offsets.dtype != np.float32 or offsets.shape != (len(keys), tasks):
            raise ValueError(
                f"expected a memory of {len(keys)} ids and {tasks} tasks, got {offsets.shape}"
            )
        if not np.isfinite(offsets).all():
            raise ValueError("expected finite numbers in its memory")


class Memory:
    """Logit offsets of a topic by domain and id, for ids in the rows that kernels were trained on.

    Kernels see only the base's knowledge, so they cannot learn what fresh rows say about a single
    item; the memory can. Ids that a domain has not seen add nothing, nor do rows without a domain.

    Args:
      features: Names of the features, in the order of their places.
      bags: Those of them that have several ids in a row.
      tasks: Names of the tasks.
      domains: Of each domain what it remembers, in the order of their codes.
    """

    def __init__(
        self,
        features: Sequence[str],
        bags: Collection[str],
        tasks: Sequence[str],
        domains: Sequence[Remembered],
    ) -> None:
        self.features, self.tasks = tuple(features), tuple(tasks)
        self.bags = frozenset(bags)
        self.domains = list(domains)

    @classmethod
    def of_arrays(
        cls,
        features: Sequence[str],
        bags: Collection[str],
        tasks: Sequence[str],
        count: int,
        keys: NDArray[np.int64] | None = None,
        offsets: NDArray[np.float32] | None = None,
    ) -> "Memory":
        """A memory of `count` domains from the result of `arrays`; without one, an empty memory."""
        if keys is None or offsets is None:
            keys, offsets = np.zeros(0, np.int64), np.zeros((0, len(tasks)), np.float32)
        none = np.zeros(1, np.int64)
        ends = np.concatenate([domain_keys(n, len(features), none) for n in range(count + 1)])
        places = np.searchsorted(keys, ends)
        domains = [
            Remembered(keys[first:end] - start, offsets[first:end])
            for first, end, start in zip(places[:-1], places[1:], ends[:-1], strict=True)
        ]
        return cls(features, bags, tasks, domains)

    def __len__(self) -> int:
        return sum(len(domain.keys) for domain in self.domains)

    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Keys `[M]` over all domains, ascending, and offsets `[M, T]`; see `domain_keys`."""
        keys = [
            domain_keys(place, len(self.features), domain.keys)
            for place, domain in enumerate(self.domains)
        ]
        return np.concatenate(keys), np.concatenate([domain.offsets for domain in self.domains])

    def table(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Table for `looked_up`: `arrays` after a key that is below all others and adds nothing.

        A search thus always finds a key to compare with, and no request copies all keys to add one.
        """
        keys, offsets = self.arrays()
        least = np.full(1, np.iinfo(np.int64).min)
        return np.concatenate([least, keys]), np.pad(offsets, ((1, 0), (0, 0)))

    def ids(self, features: Mapping[str, Any], rows: Any) -> dict[str, Any]:
        """Codes of the memory's features for each of `rows`, from a base's features."""
        return ids_of_rows(features, self.features, self.bags, rows)

    def offsets(self, codes: Any, features: Mapping[str, Any]) -> dict[str, Any]:
        """Offsets to add to logits, `{task: [B, 1]}`.

        Args:
          codes: `[B]` codes of domains, 0 for none.
          features: Codes `[B]`, or `[B, V]` of bags, by name.
        """
        keys, offsets = (tf.constant(values) for values in self.table())
        found = looked_up(keys, offsets, self.features, codes, features)
        return {task: found[:, place, tf.newaxis] for place, task in enumerate(self.tasks)}


def memory_keys(feature: int | NDArray[np.int64], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """A domain's keys of features' codes; a feature is its place from 1, 0 the domain itself."""
    return codes + (np.asarray(feature, np.int64) << _HALF)


def feature_and_code(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The feature's place, from 1, and the code of each of a domain's keys; see `memory_keys`."""
    return keys >> _HALF, keys & ((1 << _HALF) - 1)


def domain_keys(place: int, features: int, keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """A domain's keys among those of all domains of its topic; `place` counts from 0.

    Args:
      place: Of the domain.
      features: Number of features.
      keys: Of the domain alone.
    """
    return keys + (np.int64(place * (features + 1)) << _HALF)


def of_rows(values: Any, rows: Any) -> Any:
    """Spreads values of requests `[B]`, or of their items `[B, N]`, over the `B * N` rows."""
    flat = tf.reshape(values, [-1])
    return tf.repeat(flat, rows // tf.maximum(tf.size(flat), 1))


def ids_of_rows(
    features: Mapping[str, Any], names: Sequence[str], bags: Collection[str], rows: Any
) -> dict[str, Any]:
    """Codes `[B * N]` of some features, or `[B * N, V]` of bags, for each of the rows.

    Args:
      features: Codes of requests `[B, ...]` or of their items `[B, N, ...]`.
      names: Which features.
      bags: Those of them that have several ids in a row.
      rows: Number of rows.
    """
    found = {}
    # features of one shape are repeated together, as each operation costs time in a small request
    alike: dict[int, list[str]] = {}
    for name in names:
        if name in bags:
            codes = tf.reshape(features[name], [-1, features[name].shape[-1]])
            found[name] = tf.repeat(codes, rows // tf.maximum(tf.shape(codes)[0], 1), axis=0)
        else:
            alike.setdefault(len(features[name].shape), []).append(name)
    for some in alike.values():
        codes = tf.stack([features[name] for name in some])
        codes = tf.reshape(codes, [len(some), -1])
        codes = tf.repeat(codes, rows // tf.maximum(tf.shape(codes)[1], 1), axis=1)
        found |= dict(zip(some, tf.unstack(codes), strict=True))
    return found


def looked_up(
    keys: Any, offsets: Any, features: Sequence[str], domains: Any, codes: Mapping[str, Any]
) -> Any:
    """Offsets `[B, T]` of rows, exactly 0 where nothing is remembered.

    Args:
      keys: `[1 + M]`, see `Memory.table`.
      offsets: `[1 + M, T]`.
      features: Their names.
      domains: `[B]` codes of domains, 0 for none.
      codes: Codes `[B]`, or `[B, V]` of bags, by feature.
    """
    # gather from tensors: a variable that rows are gathered from is copied at every read
    keys, offsets = tf.convert_to_tensor(keys), tf.convert_to_tensor(offsets)
    bags = [name for name in features if codes[name].shape.rank == 2]
    single = [name for name in features if name not in bags]
    asked = [tf.stack([tf.zeros_like(domains), *(codes[name] for name in single)])]
    asked += [tf.transpose(codes[name]) for name in bags]
    widths = [code.shape[0] for code in asked]
    places = {name: place for place, name in enumerate(features, start=1)}
    kinds = np.array(
        [0, *(places[name] for name in single)]
        + [places[name] for name, width in zip(bags, widths[1:], strict=True) for _ in range(width)]
    )
    first = (tf.cast(domains, tf.int64) - 1) * (len(features) + 1)
    # one search for all ids: those of a feature are adjacent, and those of one user are equal
    wanted = tf.bitwise.left_shift(first + kinds[:, np.newaxis], tf.constant(_HALF, tf.int64))
    wanted += tf.cast(tf.concat(asked, axis=0), tf.int64)  # [W, B]
    flat = tf.reshape(wanted, [-1])
    place = tf.searchsorted(keys, flat, side="right") - 1
    place = tf.where(tf.equal(tf.gather(keys, place), flat), place, 0)
    found = tf.gather(offsets, tf.reshape(place, tf.shape(wanted)))  # [W, B, T]
    alone, *several = tf.split(found, widths, axis=0)
    total, *of_single = tf.unstack(alone, len(single) + 1)
    added = dict(zip(single, of_single, strict=True))
    for name, of_bag in zip(bags, several, strict=True):
        held = tf.cast(codes[name] > 0, of_bag.dtype)[..., tf.newaxis]
        count = tf.maximum(tf.reduce_sum(held, axis=1), 1.0)
        added[name] = tf.reduce_sum(tf.transpose(of_bag, [1, 0, 2]) * held, axis=1) / count
    for name in features:
        total += added[name]
    return tf.where(domains[:, tf.newaxis] > 0, total, 0.0)

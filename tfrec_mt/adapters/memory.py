"""`Memory`: what a domain's kernel remembers of ids, as logit offsets."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfrec_mt.layers.domain_rows import DomainGroups

# Bits of a key's lower half, which is the code.
_HALF = 32
# Names of what `Memory.arrays` returns, in files and among a server's variables.
MEMORY_ARRAYS = ("memory_keys", "memory_offsets")
# End of the names of `Memory.axes`, after the task's.
_AXES = "_memory_axes"

# By task, see `Memory`.
Axes = Mapping[str, NDArray[np.float32]]


class Remembered(NamedTuple):
    """One domain's offsets.

    Attributes:
      keys: int64 `[M]`, ascending. The upper bits are the place of the feature plus one, or 0 for
        the domain itself; the lower 32 bits are the code.
      offsets: float32 `[M, T]`, or `[M, T * (1 + K)]` where ids have slopes: by task its offset,
        then what it adds per unit along each of K axes.
    """

    keys: NDArray[np.int64]
    offsets: NDArray[np.float32]

    def check(self, features: int, width: int) -> None:
        """Checks keys and offsets that were read from a file.

        Args:
          features: Number of features.
          width: See `Memory.width`.

        Raises:
          ValueError: It is not what a domain can remember.
        """
        keys, offsets = self
        if keys.dtype != np.int64 or keys.ndim != 1 or (np.diff(keys) <= 0).any():
            raise ValueError("expected ascending whole numbers as what its memory is sorted by")
        if len(keys) and not 0 <= keys[0] <= keys[-1] < (features + 1) << _HALF:
            raise ValueError(f"expected a memory of {features} features")
        if offsets.dtype != np.float32 or offsets.shape != (len(keys), width):
            raise ValueError(
                f"expected a memory of {len(keys)} ids and {width} numbers each, got "
                f"{offsets.shape}"
            )
        if not np.isfinite(offsets).all():
            raise ValueError("expected finite numbers in its memory")


class Memory:
    """Logit offsets of a topic by domain and id, for ids in the rows that kernels were trained on.

    Kernels see only the base's knowledge, so they cannot learn what fresh rows say about a single
    item; the memory can. Ids that a domain has not seen add nothing, nor do rows without a domain.

    An id may also have slopes: what it adds then depends on what the base knows of the row, such as
    a user's taste, who likes some items more than the base believes and others less.

    Args:
      features: Names of the features, in the order of their places.
      bags: Those of them that have several ids in a row.
      tasks: Names of the tasks.
      domains: Of each domain what it remembers, in the order of their codes.
      axes: Axes of knowledge along which ids of the last feature have slopes, by task float32
        `[N, D + 1, K]`: a row's coordinates are `knowledge @ axes[n, :-1] + axes[n, -1]` in domain
        n. Without, ids have no slopes.
    """

    def __init__(
        self,
        features: Sequence[str],
        bags: Collection[str],
        tasks: Sequence[str],
        domains: Sequence[Remembered],
        axes: Axes | None = None,
    ) -> None:
        self.features, self.tasks = tuple(features), tuple(tasks)
        self.axes = dict(axes or {})
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
        axes: Axes | None = None,
    ) -> "Memory":
        """A memory of `count` domains from the result of `arrays`; without one, an empty memory."""
        if keys is None or offsets is None:
            keys, offsets = np.zeros(0, np.int64), np.zeros((0, width(tasks, axes)), np.float32)
        none = np.zeros(1, np.int64)
        ends = np.concatenate([domain_keys(n, len(features), none) for n in range(count + 1)])
        places = np.searchsorted(keys, ends)
        domains = [
            Remembered(keys[first:end] - start, offsets[first:end])
            for first, end, start in zip(places[:-1], places[1:], ends[:-1], strict=True)
        ]
        return cls(features, bags, tasks, domains, axes)

    @property
    def width(self) -> int:
        """Numbers of an id over all tasks, `T * (1 + K)`."""
        return width(self.tasks, self.axes)

    def chosen(self, places: Sequence[int]) -> "Memory":
        """What domains at some places remember, in that order; places count from 0."""
        axes = {task: stacked[[*places]] for task, stacked in self.axes.items()}
        domains = [self.domains[place] for place in places]
        return Memory(self.features, self.bags, self.tasks, domains, axes)

    def followed_by(self, other: "Memory") -> "Memory":
        """The domains of this memory, then those of another one of the same features and slopes."""
        axes = {task: np.concatenate([of, other.axes[task]]) for task, of in self.axes.items()}
        domains = [*self.domains, *other.domains]
        return Memory(self.features, self.bags, self.tasks, domains, axes)

    def padded(self, features: Sequence[str], shapes: Mapping[str, Sequence[int]]) -> "Memory":
        """The same memory with room for slopes and for further features, of which it knows nothing.

        Args:
          features: Its own and those that follow.
          shapes: `(D + 1, K)` of the axes by task.
        """
        count = len(self.domains)
        axes = {task: np.zeros((count, *of), np.float32) for task, of in shapes.items()}
        found = Memory(features, self.bags, self.tasks, [], axes)
        for keys, offsets in self.domains:
            found.domains.append(Remembered(keys, without_slopes(offsets, found.width)))
        return found

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

    def offsets(
        self, codes: Any, features: Mapping[str, Any], knowledge: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Offsets to add to logits, `{task: [B, 1]}`.

        Args:
          codes: `[B]` codes of domains, 0 for none.
          features: Codes `[B]`, or `[B, V]` of bags, by name.
          knowledge: The base's, by task `[B, D]`; not read where ids have no slopes.
        """
        keys, offsets = (tf.constant(values) for values in self.table())
        found = looked_up(keys, offsets, self.features, codes, features, len(self.tasks))
        along = coordinates(self.axes, knowledge, codes) if self.axes else {}
        added = at_rows(*found, self.tasks, along)
        return {task: offset[:, tf.newaxis] for task, offset in added.items()}


def width(tasks: Sequence[str], axes: Axes | None) -> int:
    """Numbers of an id over all tasks, `T * (1 + K)`."""
    return len(tasks) * (1 + (next(iter(axes.values())).shape[-1] if axes else 0))


def without_slopes(offsets: NDArray[Any], width: int) -> NDArray[Any]:
    """Numbers of ids `[M, width]` that have offsets `[M, T]` and slopes of 0."""
    every = np.zeros((len(offsets), width), offsets.dtype)
    every[:, :: width // offsets.shape[1]] = offsets
    return every


def axes_arrays(axes: Axes) -> dict[str, NDArray[np.float32]]:
    """A memory's axes by their names in files and among a server's variables."""
    return {f"{task}{_AXES}": values for task, values in axes.items()}


def split_axes(arrays: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A memory's axes by task among named arrays, and the other arrays."""
    axes = {name: values for name, values in arrays.items() if name.endswith(_AXES)}
    rest = {name: values for name, values in arrays.items() if name not in axes}
    return {name.removesuffix(_AXES): values for name, values in axes.items()}, rest


def check_axes(axes: Axes, knowledge_widths: Mapping[str, int]) -> None:
    """Checks one domain's axes `[D + 1, K]` that were read from a file.

    Raises:
      ValueError: They are not what ids can have slopes along behind a base of these widths.
    """
    if not axes:
        return
    count = next(iter(axes.values())).shape[-1:]
    expected = {task: (rows + 1, *count) for task, rows in knowledge_widths.items()}
    found = {task: values.shape for task, values in axes.items()}
    if found != expected or any(values.dtype != np.float32 for values in axes.values()):
        raise ValueError(f"expected axes of slopes of {expected}, got {found}")
    if not all(np.isfinite(values).all() for values in axes.values()):
        raise ValueError("expected finite numbers as axes of slopes")


def coordinates(
    axes: Mapping[str, Any], knowledge: Mapping[str, Any], domains: Any, block_rows: int = 32
) -> dict[str, Any]:
    """Coordinates of rows along their domain's axes, `{task: [B, K]}`.

    Args:
      axes: By task `[N, D + 1, K]`, see `Memory`.
      knowledge: By task `[B, D]`.
      domains: `[B]` codes of domains from 1; 0 takes any.
      block_rows: See `DomainGroups`.
    """
    count = tf.shape(next(iter(axes.values())))[0]
    groups = DomainGroups.of(domains, count, block_rows)
    return {
        task: groups.collect(groups.dense(groups.spread(knowledge[task]), of[:, :-1], of[:, -1]))
        for task, of in axes.items()
    }


def at_rows(
    offsets: Any, slopes: Any, tasks: Sequence[str], along: Mapping[str, Any]
) -> dict[str, Any]:
    """What ids add to each row, `{task: [B]}`, from their offsets and slopes.

    Args:
      offsets: See `looked_up`.
      slopes: See `looked_up`.
      tasks: Their names.
      along: See `coordinates`; empty without slopes.
    """
    added = {task: offsets[:, place] for place, task in enumerate(tasks)}
    for place, task in enumerate(tasks if along else ()):
        added[task] += tf.reduce_sum(slopes[:, place] * along[task], axis=1)
    return added


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
            codes = features[name]
            codes = tf.reshape(codes, tf.stack([-1, tf.shape(codes)[-1]]))
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
    keys: Any,
    offsets: Any,
    features: Sequence[str],
    domains: Any,
    codes: Mapping[str, Any],
    tasks: int,
) -> tuple[Any, Any]:
    """Offsets of rows `[B, T]`, and slopes `[B, T, K]` of the last feature, None without any.

    They are exactly 0 where nothing is remembered. No other feature has slopes.

    Args:
      keys: `[1 + M]`, see `Memory.table`.
      offsets: `[1 + M, W]`, see `Memory.width`.
      features: Their names.
      domains: `[B]` codes of domains, 0 for none.
      codes: Codes `[B]`, or `[B, V]` of bags, by feature.
      tasks: Number of tasks `T`.
    """
    # gather from tensors: a variable that rows are gathered from is copied at every read
    keys, offsets = tf.convert_to_tensor(keys), tf.convert_to_tensor(offsets)
    bags = [name for name in features if codes[name].shape.rank == 2]
    single = [name for name in features if name not in bags]
    places = {name: place for place, name in enumerate(features, start=1)}
    asked = [tf.stack([tf.zeros_like(domains), *(codes[name] for name in single)])]
    asked += [tf.transpose(codes[name]) for name in bags]
    kinds = [np.array([0, *(places[name] for name in single)])]
    kinds += [np.array([places[name]]) for name in bags]
    first = (tf.cast(domains, tf.int64) - 1) * (len(features) + 1)
    # one search for all ids: those of a feature are adjacent, and those of one user are equal
    wanted = [
        tf.bitwise.left_shift(first + kind[:, np.newaxis], tf.constant(_HALF, tf.int64))
        + tf.cast(ids, tf.int64)
        for kind, ids in zip(kinds, asked, strict=True)
    ]  # [W, B] each; a server does not know how many ids a bag has
    shapes = [tf.shape(ids) for ids in wanted]
    flat = tf.concat([tf.reshape(ids, [-1]) for ids in wanted], axis=0)
    place = tf.searchsorted(keys, flat, side="right") - 1
    place = tf.where(tf.equal(tf.gather(keys, place), flat), place, 0)
    width = offsets.shape[1] // tasks
    if width == 1:
        found = tf.gather(offsets, place)
    else:  # of most ids only the offsets, without their slopes
        columns = tf.range(0, offsets.shape[1], width)
        pairs = tf.meshgrid(place, columns, indexing="ij")
        found = tf.gather_nd(offsets, tf.stack(pairs, axis=-1))
    sizes = tf.stack([tf.reduce_prod(shape) for shape in shapes])
    parts = tf.split(found, sizes, num=len(shapes))
    alone, *several = [
        tf.reshape(part, tf.concat([shape, [tasks]], axis=0))
        for part, shape in zip(parts, shapes, strict=True)
    ]  # [W, B, T] each
    total, *of_single = tf.unstack(alone, len(single) + 1)
    added = dict(zip(single, of_single, strict=True))
    for name, of_bag in zip(bags, several, strict=True):
        held = tf.cast(codes[name] > 0, of_bag.dtype)[..., tf.newaxis]
        count = tf.maximum(tf.reduce_sum(held, axis=1), 1.0)
        added[name] = tf.reduce_sum(tf.transpose(of_bag, [1, 0, 2]) * held, axis=1) / count
    for name in features:
        total += added[name]
    within = domains[:, tf.newaxis] > 0
    total = tf.where(within, total, 0.0)
    if width == 1:
        return total, None
    last = tf.split(place, sizes, num=len(shapes))[0][-tf.size(domains) :]
    slopes = tf.reshape(tf.gather(offsets, last), [-1, tasks, width])[:, :, 1:]
    return total, tf.where(within[:, tf.newaxis], slopes, 0.0)

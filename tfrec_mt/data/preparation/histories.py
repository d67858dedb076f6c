"""Finds a row's history in the event log: one contiguous slice of its user's stored clicks."""

import abc

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.hashing import derived_seed, splitmix64, uniform
from tfrec_mt.schema import DataError

Ints = npt.NDArray[np.int64]


class HistoryIndex(abc.ABC):
    """Order of the stored events and the slice of them that each row sees.

    `order` lists the events in stored order, int64; an event may be stored more than once.
    """

    order: Ints

    @abc.abstractmethod
    def locate(
        self, users: Ints, keys: Ints, first_part: npt.NDArray[np.bool_]
    ) -> tuple[Ints, npt.NDArray[np.int32]]:
        """The slices of `[n]` rows.

        Args:
          users: Dense user codes, int64 `[n]`.
          keys: Keys of the kind the index was built from, int64 `[n]`.
          first_part: Which rows belong to the first part, bool `[n]`.

        Returns:
          Start int64 `[n]` and length int32 `[n]`: a row's history is stored events
          `start .. start + length - 1`, in order of preference.
        """


class TimedIndex(HistoryIndex):
    """Histories by time: a row sees its user's strictly older events, newest first.

    Args:
      users: User of each event, dense codes below `n_users`, int64 `[e]`.
      timestamps: Seconds, int64 `[e]`.
      n_users: Number of users.

    Raises:
      DataError: The timestamps span more than 64-bit arithmetic holds.
    """

    def __init__(self, users: Ints, timestamps: Ints, n_users: int) -> None:
        self._newest = int(timestamps.max(initial=0))
        self._span = self._newest - int(timestamps.min(initial=self._newest)) + 1
        if self._span * (n_users + 1) >= 2**63:
            raise DataError(
                f"timestamps span {self._span} seconds, too many for {n_users} users; "
                "expected whole seconds"
            )
        keys = users * self._span + (self._newest - timestamps)
        # among events of one second the one that was logged later comes first
        self.order = len(keys) - 1 - np.argsort(keys[::-1], kind="stable")
        self._keys = keys[self.order]
        self._ends = np.cumsum(np.bincount(users, minlength=n_users))

    def locate(
        self, users: Ints, keys: Ints, first_part: npt.NDArray[np.bool_]
    ) -> tuple[Ints, npt.NDArray[np.int32]]:
        age = np.clip(self._newest - keys, -1, self._span - 1)
        wanted = users * self._span + age
        # sorted first, because neighbouring needles share their path through the keys
        by_key = np.argsort(wanted, kind="stable")
        starts = np.empty_like(wanted)
        starts[by_key] = np.searchsorted(self._keys, wanted[by_key], side="right")
        return starts, (self._ends[users] - starts).astype(np.int32)


class FoldedIndex(HistoryIndex):
    """Histories without time: a row sees its user's events of other folds of the first part.

    Leaving out only a row's own click would reveal its label, because the click would be missing
    exactly where it happened. So rows and events fall into folds by a hash of their key, and all
    rows of one fold see the same events, clicked or not. The number of events outside a fold would
    still reveal how many clicks the fold holds, so every row of the first part sees equally many:
    as many as lie outside the user's fullest fold. Rows of other parts see all events.

    A user's events are stored fold by fold and twice in a row, `0..K-1, 0..K-1`, so that the events
    outside a fold are one slice. Within a fold they are ordered by a hash.

    Args:
      users: User of each event, dense codes below `n_users`, int64 `[e]`.
      keys: Request ids or row numbers, which decide the folds, int64 `[e]`.
      rows: Row number of each event, int64 `[e]`.
      n_users: Number of users.
      folds: Number of folds, at least 2.
      seed: Seed of the folds.
    """

    def __init__(
        self, users: Ints, keys: Ints, rows: Ints, n_users: int, folds: int, seed: int
    ) -> None:
        self._folds = folds
        self._fold_seed = derived_seed(seed, "fold")
        event_folds = self._fold(keys)
        shuffled = splitmix64(rows, derived_seed(seed, "event"))
        by_fold = np.lexsort((shuffled, event_folds, users))
        cells = np.bincount(users * folds + event_folds, minlength=n_users * folds)
        per_fold = cells.reshape(n_users, folds)
        # events of a user before each fold and, last, in all of them: [n_users, folds + 1]
        self._before = np.zeros((n_users, folds + 1), dtype=np.int64)
        np.cumsum(per_fold, axis=1, out=self._before[:, 1:])
        counts = self._before[:, -1]
        self._offsets = 2 * (np.cumsum(counts) - counts)
        self._visible = counts - per_fold.max(axis=1)
        # stored position p of a user's 2c positions holds the user's event p modulo c
        owners = np.repeat(np.arange(n_users), 2 * counts)
        places = (np.arange(len(owners)) - self._offsets[owners]) % counts[owners]
        self.order = by_fold[self._offsets[owners] // 2 + places]

    def _fold(self, keys: Ints) -> Ints:
        return (uniform(keys, self._fold_seed) * self._folds).astype(np.int64)

    def locate(
        self, users: Ints, keys: Ints, first_part: npt.NDArray[np.bool_]
    ) -> tuple[Ints, npt.NDArray[np.int32]]:
        next_fold = self._before[users, self._fold(keys) + 1]
        starts = self._offsets[users] + np.where(first_part, next_fold, 0)
        lengths = np.where(first_part, self._visible[users], self._before[users, -1])
        return starts, lengths.astype(np.int32)

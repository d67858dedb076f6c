"""Decides whether a column describes the user, the item or the context."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tfrec_mt.schema.features import Side

Keys = npt.NDArray[np.uint64]

# A few ids may have two values: an item's price, a user's city.
_SHARE = 0.99
# If chance would give two values to fewer ids than this, ids with one value prove nothing.
_EXPECTED = 3.0
# Values rarer than the 200 most frequent hardly ever repeat within an id by chance.
_FREQUENT = 200
# With this many ids or more, a column that has as many values names them.
_PROOF = 20
_NEARLY_ALL = 0.95


@dataclass(frozen=True)
class ColumnSide:
    """The side decided for a column and why; `guessed` if the rows cannot tell."""

    side: Side
    why: str = ""
    guessed: bool = False


class SideFinder:
    """Decides sides by how values vary among the rows of one user and of one item.

    A column has one value per item if that holds for 99% of the items with two rows or more, and
    chance does not explain it (a rare flag is 0 in all rows of nearly any item).

    Args:
      users, items: Keys, uint64 [n], equal for rows of one user or item.
    """

    def __init__(self, users: Keys, items: Keys) -> None:
        self._users = _Ids(users)
        self._items = _Ids(items)

    def names(self, side: Side, distinct: int) -> bool:
        """Whether a column with that many values, such as a title, says little more than the id."""
        ids = {"user": self._users.count, "item": self._items.count}.get(side, 0)
        return ids >= _PROOF and distinct >= _NEARLY_ALL * ids

    def decide(self, keys: Keys) -> ColumnSide:
        """The side of a column with those keys; `"context"` where the rows cannot tell."""
        user, item = self._users.hold_one_value(keys), self._items.hold_one_value(keys)
        if item and not (user and self._users.repeated > self._items.repeated):
            return ColumnSide("item", "one value per item")
        if user:
            return ColumnSide("user", "one value per user")
        if user is None or item is None:
            return ColumnSide("context", guessed=True)
        return ColumnSide("context")


class _Ids:
    """The rows of each id that has two or more."""

    def __init__(self, ids: Keys) -> None:
        order = np.argsort(ids, kind="stable")
        _, sizes = np.unique(ids, return_counts=True)
        self.count = len(sizes)
        twice = sizes >= 2
        self._rows = order[np.repeat(twice, sizes)]
        self._sizes = sizes[twice]
        self._starts = np.cumsum(self._sizes) - self._sizes
        self.repeated = len(self._sizes)

    def hold_one_value(self, keys: Keys) -> bool | None:
        """Whether each id has one value; None where the rows cannot tell."""
        if not self.repeated:
            return None
        values = keys[self._rows]
        one = np.minimum.reduceat(values, self._starts) == np.maximum.reduceat(values, self._starts)
        if one.mean() < _SHARE:
            return False
        return True if self._two_values_by_chance(keys) >= _EXPECTED else None

    def _two_values_by_chance(self, keys: Keys) -> float:
        """How many ids would have two values if rows took theirs at random."""
        counts = pl.Series(keys).value_counts()["count"].top_k(_FREQUENT).to_numpy()
        shares = counts / len(keys)
        sizes, ids = np.unique(self._sizes, return_counts=True)
        alike = (shares[None, :] ** sizes[:, None]).sum(axis=1)
        return float((ids * (1 - alike)).sum())

"""`ArticleIndex`: maps article ids to rows."""

import numpy as np
import numpy.typing as npt
import polars as pl

from tfrec_mt.data.hashing import id_keys
from tfrec_mt.schema import DataError


class ArticleIndex:
    """Gives every article id a row; described articles come first, in their order, from row 1.

    Row 0 is the empty article. An undescribed id gets the next free row when it first occurs.

    Args:
      ids: Distinct ids of the described articles, `[A]`, whole numbers or text.

    Attributes:
      only_ids: Undescribed ids, in the order of their rows.

    Raises:
      DataError: An id is missing or occurs twice.
    """

    def __init__(self, ids: pl.Series) -> None:
        if ids.null_count():
            raise DataError(f"articles: {ids.null_count()} of {len(ids)} have no id")
        again = ~ids.is_first_distinct()
        if again.any():
            raise DataError(f"articles: id {ids.filter(again)[0]!r} comes more than once")
        self._described = len(ids)
        self.only_ids: list[int | str] = []
        self._dtype = ids.dtype
        keys = id_keys(ids)
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._rows = (order + 1).astype(np.int32)

    @property
    def described(self) -> int:
        """Number of rows of described articles, including row 0."""
        return 1 + self._described

    @property
    def rows(self) -> int:
        """Number of rows so far, including row 0."""
        return 1 + self._described + len(self.only_ids)

    def rows_of(self, ids: pl.Series, where: str) -> npt.NDArray[np.int32]:
        """The row of each id, `[n]`; new ids get new rows. `where` names the ids in errors.

        Raises:
          DataError: An id is missing or of another type than the described articles'.
        """
        if not len(ids):
            return np.zeros(0, np.int32)
        if ids.dtype.is_integer() != self._dtype.is_integer():
            raise DataError(f"{where}: expected article ids of {self._dtype}, got {ids.dtype}")
        if ids.null_count():
            raise DataError(f"{where}: expected article ids, got {ids.null_count()} missing ones")
        keys = id_keys(ids)
        unknown = ~pl.Series(keys).is_in(pl.Series(self._keys).implode())
        if unknown.any():
            self._add(keys[unknown.to_numpy()], ids.filter(unknown))
        return self._rows[np.searchsorted(self._keys, keys)]

    def _add(self, keys: npt.NDArray[np.int64], ids: pl.Series) -> None:
        distinct, first = np.unique(keys, return_index=True)
        by_appearance = np.argsort(first)
        rows = np.empty(len(distinct), np.int32)
        rows[by_appearance] = self.rows + np.arange(len(distinct), dtype=np.int32)
        self.only_ids += ids.gather(first[by_appearance]).to_list()
        keys = np.concatenate([self._keys, distinct])
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._rows = np.concatenate([self._rows, rows])[order]

"""Vocabularies that grow and shrink from one preparation to the next."""

import numpy as np
import polars as pl

from tfrec_mt.data.manifest import GrowthRecord
from tfrec_mt.data.vocabulary import is_missing
from tfrec_mt.schema import Vocabulary

COMPACT_ROWS = 1 << 22


def no_ids(vocabulary: Vocabulary) -> pl.DataFrame:
    """What is carried from one preparation to the next, of no ids.

    Columns: `id`, the raw id; `count`, its rows so far; `seen`, the day of its last row.
    """
    id_type = pl.Int64() if vocabulary.dtype == "int64" else pl.String()
    return pl.DataFrame(schema={"id": id_type, "count": pl.Int64(), "seen": pl.Int64()})


class IdCounter:
    """How often each id of a vocabulary occurs and when last; memory grows with distinct ids."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._pieces = [no_ids(vocabulary).with_columns(pl.lit(0, pl.Int64).alias("first"))]
        self._added = 0

    def add(self, ids: pl.Series, first: pl.Series, days: pl.Series) -> None:
        """Counts rows `[n]` with their ids, or lists of them; missing ids are left out.

        Args:
          ids: Ids, or bags of ids.
          first: Whether each row is of the first part.
          days: Day of each row, int64.
        """
        frame = pl.DataFrame({"id": ids, "first": first, "seen": days})
        if isinstance(ids.dtype, pl.List):
            frame = frame.explode("id")
        counts = frame.group_by("id").agg(
            pl.len().cast(pl.Int64).alias("count"),
            pl.col("seen").max(),
            pl.col("first").sum().cast(pl.Int64),
        )
        counts = counts.filter(~is_missing(counts["id"]))
        self._pieces.append(counts)
        self._added += counts.height
        if self._added >= COMPACT_ROWS:
            self.counted()

    def counted(self) -> pl.DataFrame:
        """Columns `id`, `count`, `seen` and `first`, the count in the first part; no order."""
        sums = (pl.col("count").sum(), pl.col("seen").max(), pl.col("first").sum())
        total = pl.concat(self._pieces).group_by("id").agg(*sums)
        self._pieces, self._added = [total], 0
        return total


def count_on(
    known: pl.DataFrame, waiting: pl.DataFrame, counted: pl.DataFrame
) -> tuple[pl.Series, pl.DataFrame, GrowthRecord]:
    """What `grow` returns, of a vocabulary that stays as it is: ids are counted, not admitted."""
    table = _counted_on(pl.concat([known, waiting]), counted)
    rest = table.slice(known.height).sort("id")
    carried = pl.concat([table.head(known.height), rest]).select("id", "count", "seen")
    return known["id"], carried, GrowthRecord(known.height, 0, 0, rest.height, 0)


def grow(
    vocabulary: Vocabulary,
    known: pl.DataFrame,
    waiting: pl.DataFrame,
    counted: pl.DataFrame,
    today: int | None,
) -> tuple[pl.Series, pl.DataFrame, GrowthRecord]:
    """Admits and evicts ids.

    A known id without a row for more than `evict_after` days is evicted. An unknown one is admitted
    with `min_count` rows, more frequent ones first, as far as `max_size` allows; it takes the
    lowest freed code, or else the next new one. A kept id keeps its code, except that ids with the
    highest codes move into freed ones that no admitted id takes, so that tables shrink, too.

    Args:
      vocabulary: The rules.
      known: The known ids in code order; see `no_ids`.
      waiting: Unknown ids counted earlier; see `no_ids`.
      counted: Today's rows, see `IdCounter.counted`; for admission those of the first part count.
      today: The day of the last row; None evicts nothing.

    Returns:
      The known ids in code order; all ids to carry on, the known ones first; and what changed.
    """
    table = _counted_on(pl.concat([known, waiting]), counted)
    alive = pl.lit(True)
    if vocabulary.evict_after is not None and today is not None:
        alive = pl.col("seen") >= today - vocabulary.evict_after
    table = table.with_columns(alive.alias("alive"))
    is_known = (pl.col("place") < known.height).fill_null(False)
    kept = table.filter(is_known & pl.col("alive"))
    candidates = table.filter(~is_known & pl.col("alive"))
    order = candidates.filter(pl.col("enough") >= vocabulary.min_count)
    order = order.sort("enough", "id", descending=[True, False])
    if vocabulary.max_size is not None:  # which may have been lowered
        newest = kept.sort("seen", "count", "id", descending=[True, True, False])
        kept = newest.head(vocabulary.max_size).sort("place")
        order = order.head(vocabulary.max_size - kept.height)
    ids, moved = _placed(kept, order, known.height)
    rest = candidates.join(order.select("id"), on="id", how="anti").sort("id")
    carried = pl.concat([ids.to_frame(), rest.select("id")])
    state = table.select("id", "count", "seen")
    carried = carried.join(state, on="id", how="left", maintain_order="left")
    evicted = known.height - kept.height
    return ids, carried, GrowthRecord(kept.height, order.height, evicted, rest.height, moved)


def _counted_on(before: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """Counts before and now by `id`, with its `place` before, null of a new id.

    `enough` is the count that admission goes by.
    """
    before = before.with_columns(pl.Series("place", np.arange(before.height)))
    table = before.join(counted, on="id", how="full", coalesce=True, suffix="_now")
    count = pl.col("count").fill_null(0)
    return table.select(
        "id",
        "place",
        (count + pl.col("first").fill_null(0)).alias("enough"),
        (count + pl.col("count_now").fill_null(0)).alias("count"),
        pl.max_horizontal("seen", "seen_now").alias("seen"),
    ).sort("place", nulls_last=True)


def _placed(kept: pl.DataFrame, admitted: pl.DataFrame, size: int) -> tuple[pl.Series, int]:
    """Ids in code order, and how many kept ones have moved.

    Args:
      kept: With their `place` below `size`, ascending.
      admitted: In the order in which they take places.
      size: Known ids before.
    """
    total = kept.height + admitted.height
    place = kept["place"].to_numpy().astype(np.int64)
    free = np.setdiff1d(np.arange(max(size, total)), place)
    moving = place >= total
    holes = free[admitted.height :][: moving.sum()]
    place = np.concatenate([np.where(moving, 0, place), free[: admitted.height]])
    place[np.flatnonzero(moving)] = holes
    ids = pl.concat([kept["id"], admitted["id"]])
    return ids[np.argsort(place)].rename("id"), int(moving.sum())

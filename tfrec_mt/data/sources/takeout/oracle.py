"""`TakeoutOracle`: the true probabilities of any row, also for scores that do not see a topic."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfrec_mt.data.sources.takeout.config import TakeoutConfig
from tfrec_mt.data.sources.takeout.domains import REGION, SHARES, TOPICS, TRIP_CHANCE
from tfrec_mt.data.sources.takeout.probabilities import mean_over_positions, sigmoid
from tfrec_mt.data.sources.takeout.sampling import DAY, FIRST_SECOND, Context
from tfrec_mt.data.sources.takeout.turnover import places_of
from tfrec_mt.data.sources.takeout.users import Users
from tfrec_mt.data.sources.takeout.world import World
from tfrec_mt.errors import nearest
from tfrec_mt.schema import DataError, SchemaError

Array = NDArray[np.float64]

_BLOCK = 50_000


class TakeoutOracle:
    """The true probabilities of a takeout world.

    Rows are tables with the columns `user_id`, `item_id`, `scene`, `period`, `region` and
    `timestamp`. They need not come from the log: any user may be offered any item in any domain on
    any day of this world.

    Args:
      config: The config the log was generated from; `processes` does not matter.

    Raises:
      DataError: From the methods, where a column is missing or a value is not of this world.

    Example:
      >>> oracle = TakeoutOracle(TakeoutConfig(rows=50_000))
      >>> blind = oracle.topic_blind(table, ["period"])["ctr"]
    """

    def __init__(self, config: TakeoutConfig) -> None:
        self._world = World.create(config)

    def logits(self, rows: pa.Table) -> tuple[Array, Array]:
        """[B] click logit z and [B] order logit o.

        A click at position k has the probability sigmoid(z + position_effect[k - 1]), an order
        after a click sigmoid(o).
        """
        users, context, item = self._read(rows)
        click, order = self._world.logits(users, context, item)
        return click[:, 0], order[:, 0]

    def probabilities(self, rows: pa.Table) -> dict[str, Array]:
        """[B] true `ctr` (averaged over positions) and `ctcvr`, as in the truth columns."""
        return self.topic_blind(rows, [])

    def topic_blind(self, rows: pa.Table, topics: Sequence[str]) -> dict[str, Array]:
        """[B] `ctr` and `ctcvr` of the best score that does not see these topics.

        The truth is averaged over the topics' domains, weighted by their shares of the log:
        sum_d w_d p(user, item, d). Without the region, the average is also over whether the user is
        on a trip. The item's own region is not used as a hint.

        Raises:
          SchemaError: An unknown topic.
        """
        topics = list(dict.fromkeys(topics))
        known = [t.name for t in TOPICS]
        for name in topics:
            if name not in known:
                raise SchemaError(f"takeout has no topic {name!r}; {nearest(name, known)}")
        parts = [
            self._average(rows.slice(start, _BLOCK), topics)
            for start in range(0, max(1, rows.num_rows), _BLOCK)
        ]
        return {task: np.concatenate([p[task] for p in parts]) for task in ("ctr", "ctcvr")}

    def _average(self, rows: pa.Table, topics: Sequence[str]) -> dict[str, Array]:
        users, context, item = self._read(rows)
        ctr, ctcvr = np.zeros(len(item)), np.zeros(len(item))
        for weight, state in _states(context, topics):
            click, order = self._world.logits(users, state, item)
            mean_click = mean_over_positions(click, self._world.position_effect)
            ctr += weight * mean_click[:, 0]
            ctcvr += weight * (mean_click * sigmoid(order))[:, 0]
        return {"ctr": ctr, "ctcvr": ctcvr}

    def _read(self, rows: pa.Table) -> tuple[Users, Context, NDArray[np.int64]]:
        """Users [B], their context [B] and items [B, 1] of a table."""
        config = self._world.config
        user = _ids(rows, "user_id", config.users * (config.days if config.churn else 1))
        item = _ids(rows, "item_id", self._world.catalogue.size)
        codes = {t.name: _codes(rows, t.name, t.domains) for t in TOPICS}
        codes["day"] = _days(rows, config.days)
        users = self._users(user)
        return users, Context(**codes, visitor=users.home != codes[REGION.name]), item[:, None]

    def _users(self, user: NDArray[np.int64]) -> Users:
        config = self._world.config
        if not len(user):
            return Users.of_shard(config, 0).take(user)
        shard, place = places_of(config, user)
        order = np.argsort(shard, kind="stable")
        drawn, size = np.unique(shard, return_counts=True)
        bounds = np.cumsum(size)[:-1]
        places = np.split(place[order], bounds)
        parts = [Users.of_shard(config, int(s)).take(p) for s, p in zip(drawn, places, strict=True)]
        return Users.concatenate(parts).take(np.argsort(order))


def _states(context: Context, topics: Sequence[str]) -> Iterator[tuple[float, Context]]:
    """Every combination of the topics' domains for all rows, with its weight."""
    rows = len(context.scene)
    for domains in itertools.product(*(range(len(SHARES[name])) for name in topics)):
        chosen = dict(zip(topics, domains, strict=True))
        weight = float(np.prod([SHARES[name][code] for name, code in chosen.items()]))
        state = replace(context, **{k: np.full(rows, code) for k, code in chosen.items()})
        if REGION.name not in chosen:
            yield weight, state
            continue
        away = TRIP_CHANCE * float(1 - SHARES[REGION.name][chosen[REGION.name]])
        yield weight * away, replace(state, visitor=np.ones(rows, bool))
        yield weight * (1 - away), replace(state, visitor=np.zeros(rows, bool))


def _column(rows: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in rows.column_names:
        raise DataError(f"takeout oracle: no column {name!r}; {nearest(name, rows.column_names)}")
    return rows.column(name)


def _ids(rows: pa.Table, name: str, size: int) -> NDArray[np.int64]:
    column = _column(rows, name)
    if not pa.types.is_integer(column.type):
        raise DataError(
            f"takeout oracle: column {name!r}: expected whole numbers, got {column.type}"
        )
    ids = np.asarray(pc.fill_null(column, -1)).astype(np.int64)
    _refuse((ids < 0) | (ids >= size), column, name, f"an id of this world, 0 to {size - 1}")
    return ids


def _days(rows: pa.Table, days: int) -> NDArray[np.int64]:
    column = _column(rows, "timestamp")
    seconds = np.asarray(pc.fill_null(column, -1)).astype(np.int64)
    day = (seconds - FIRST_SECOND) // DAY
    last = FIRST_SECOND + days * DAY - 1
    expected = f"a second of this world, {FIRST_SECOND} to {last}"
    _refuse((day < 0) | (day >= days), column, "timestamp", expected)
    return day


def _codes(rows: pa.Table, name: str, domains: Sequence[str]) -> NDArray[np.int64]:
    column = _column(rows, name).cast(pa.string())
    codes = np.asarray(pc.fill_null(pc.index_in(column, pa.array(domains)), -1), dtype=np.int64)
    _refuse(codes < 0, column, name, f"one of {', '.join(domains)}")
    return codes


def _refuse(bad: NDArray[np.bool_], column: pa.ChunkedArray, name: str, expected: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"takeout oracle: row {row + 1}, column {name!r}: expected {expected}, "
            f"got {column[row]}"
        )

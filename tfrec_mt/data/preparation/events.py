"""The clicks that histories are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from tfrec_mt.data.encoding import Encoder
from tfrec_mt.data.hashing import id_keys
from tfrec_mt.data.preparation.earlier import Earlier
from tfrec_mt.data.preparation.histories import FoldedIndex, HistoryIndex, TimedIndex
from tfrec_mt.data.preparation.spool import Block, Spool
from tfrec_mt.data.splits import SECONDS_PER_DAY, Split
from tfrec_mt.data.vocabulary import is_missing
from tfrec_mt.schema import CategoricalFeature, History, Schema


@dataclass(frozen=True)
class EventLog:
    """Clicks in stored order and the index that finds a row's slice of them.

    Args:
      index: Finds the slices.
      rows: Row number of each stored event, int64 `[e]`; earlier clicks are numbered after the log.
      codes: Codes of each history element, int32 `[e]`.
      timestamps: Seconds, int64 `[e]`, or None where the log has no time.
      users: Dense code of each stored event's user, int64 `[e]`.
      earlier: The earlier clicks, raw.
    """

    index: HistoryIndex
    rows: npt.NDArray[np.int64]
    codes: Mapping[str, npt.NDArray[np.int32]]
    timestamps: npt.NDArray[np.int64] | None
    users: npt.NDArray[np.int64]
    earlier: pl.DataFrame | None = None

    def raw(
        self, places: npt.NDArray[np.int64], spool: Spool, columns: Sequence[str]
    ) -> pl.DataFrame:
        """Stored events in raw form, by their places among the stored ones."""
        numbers = self.rows[places]
        of_log = numbers < spool.rows
        if self.earlier is None or of_log.all():
            return spool.take(numbers, columns)
        later = spool.take(numbers[of_log], columns)
        before = self.earlier.select(columns)[numbers[~of_log] - spool.rows]
        order = np.argsort(np.concatenate([np.flatnonzero(of_log), np.flatnonzero(~of_log)]))
        return pl.concat([later, before.cast(later.schema)])[order]

    def save(self, folder: Path, padding: int) -> None:
        """Writes `<folder>/features/<element>.npy` and `<folder>/timestamp.npy`.

        `padding` zeros follow the last event, so that a window of that length can be cut out
        wherever a history starts.
        """
        (folder / "features").mkdir(parents=True)
        for element, codes in self.codes.items():
            np.save(folder / "features" / f"{element}.npy", np.pad(codes, (0, padding)))
        if self.timestamps is not None:
            np.save(folder / "timestamp.npy", np.pad(self.timestamps, (0, padding)))


def collect_events(
    spool: Spool,
    split: Split,
    encoder: Encoder,
    history: History,
    folds: int,
    earlier: pl.DataFrame | None = None,
) -> EventLog:
    """Gathers the clicks in stored order; memory grows with the number of clicks.

    With a chronological split every click is an event, because a row sees only older ones. With
    other splits a click of a later part may be older than a row of the first, and training would
    see labels that it is tested on. There, only clicks of the first part are events. A log without
    time has `folds` folds, see `FoldedIndex`.

    Args:
      spool: The rows.
      split: Their parts.
      encoder: Encodes users and elements.
      history: What an event consists of.
      folds: Number of folds of a log without time.
      earlier: Clicks of earlier data, as `newest_clicks` gave them.
    """
    schema = spool.schema
    elements = [encoder.schema.feature(name) for name in history.elements]
    assert schema.click is not None  # else the schema has no history
    columns = [schema.click.column, schema.keys.user, *history.elements]
    columns += [c for c in (schema.keys.timestamp, schema.keys.request) if c]
    users, keys, rows = [], [], []
    codes: dict[str, list[npt.NDArray[np.int32]]] = {name: [] for name in history.elements}
    if earlier is not None:
        time = schema.keys.timestamp
        assert time is not None  # or there are none
        known = encoder.users.encode(earlier[schema.keys.user])
        order = np.lexsort((earlier[time].to_numpy(), known == len(encoder.users)))
        order = order[: int((known < len(encoder.users)).sum())]
        earlier = earlier[order]
        users.append(known[order])
        keys.append(earlier[time].to_numpy())
        rows.append(spool.rows + np.arange(earlier.height))
        for feature in elements:
            codes[feature.name].append(encoder.feature(feature, earlier[feature.name]))
    for block in spool.blocks(columns):
        clicked = (block.frame[schema.click.column] == 1).fill_null(False).to_numpy()
        if not split.spec.chronological:
            clicked &= spool.parts(split, block) == 0
        clicked &= ~is_missing(block.frame[schema.keys.user]).to_numpy()
        frame = block.frame.filter(clicked)
        users.append(encoder.users.encode(frame[schema.keys.user]))
        keys.append(history_keys(schema, block)[clicked])
        rows.append(block.row_numbers[clicked])
        for feature in elements:
            codes[feature.name].append(encoder.feature(feature, frame[feature.name]))

    user, key, row = (np.concatenate(values) for values in (users, keys, rows))
    timed = schema.keys.timestamp is not None
    n = len(encoder.users) + 1  # rows without a user have no events
    index: HistoryIndex = (
        TimedIndex(user, key, n) if timed else FoldedIndex(user, key, row, n, folds, split.seed)
    )
    ordered = {name: np.concatenate(parts)[index.order] for name, parts in codes.items()}
    times = key[index.order] if timed else None
    return EventLog(index, row[index.order], ordered, times, user[index.order], earlier)


def newest_clicks(
    events: EventLog, spool: Spool, encoder: Encoder, earlier: Earlier, today: int
) -> pl.DataFrame:
    """The newest clicks of each user as far as a history reaches, raw, in order of time by user.

    Users without a row today keep their earlier ones, unless the ids of users are evicted and none
    of theirs is that young.

    Args:
      events: Today's events, with the earlier ones of users who have rows today.
      spool: Today's rows.
      encoder: Knows the users of today's rows.
      earlier: What earlier data have left.
      today: The day of the last row.
    """
    schema = encoder.schema
    history, keys = schema.history, schema.keys
    assert history is not None and keys.timestamp is not None  # or there are none
    columns = [*dict.fromkeys([keys.user, keys.timestamp, *history.elements])]
    first = np.flatnonzero(np.diff(events.users, prepend=-1))
    counts = np.diff(first, append=len(events.users))
    rank = np.arange(len(events.users)) - np.repeat(first, counts)
    newest = events.raw(np.flatnonzero(rank < history.length)[::-1], spool, columns)
    before = earlier.clicks
    if before is None:
        return newest
    absent = before.filter(encoder.users.encode(before[keys.user]) == len(encoder.users))
    absent = absent.select(columns).cast(newest.schema)
    if (days := _user_days(schema)) is not None:
        oldest = (today - days) * SECONDS_PER_DAY
        seen = absent.group_by(keys.user).agg(pl.col(keys.timestamp).max().alias("seen"))
        young = seen.filter(pl.col("seen") >= oldest)
        absent = absent.join(young, on=keys.user, how="semi", maintain_order="left")
    return pl.concat([newest, absent])


def _user_days(schema: Schema) -> int | None:
    """Days after which users are evicted."""
    for feature in schema.features:
        if feature.name == schema.keys.user and isinstance(feature, CategoricalFeature):
            return schema.vocabulary(feature.vocabulary).evict_after
    return None


def history_keys(schema: Schema, block: Block) -> npt.NDArray[np.int64]:
    """Keys to look a block's rows up by: timestamp, else request, else row number, `[n]`."""
    if schema.keys.timestamp:
        return block.frame[schema.keys.timestamp].to_numpy()
    if schema.keys.request:
        return id_keys(block.frame[schema.keys.request])
    return block.row_numbers

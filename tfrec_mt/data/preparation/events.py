"""The clicks that histories are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.encoding import Encoder
from tfrec_mt.data.hashing import id_keys
from tfrec_mt.data.preparation.histories import FoldedIndex, HistoryIndex, TimedIndex
from tfrec_mt.data.preparation.spool import Block, Spool
from tfrec_mt.data.splits import Split
from tfrec_mt.data.vocabulary import is_missing
from tfrec_mt.schema import History, Schema


@dataclass(frozen=True)
class EventLog:
    """Clicks in stored order and the index that finds a row's slice of them.

    Args:
      index: Finds the slices.
      rows: Row number in the log of each stored event, int64 `[e]`.
      codes: Codes of each history element, int32 `[e]`.
      timestamps: Seconds, int64 `[e]`, or None where the log has no time.
    """

    index: HistoryIndex
    rows: npt.NDArray[np.int64]
    codes: Mapping[str, npt.NDArray[np.int32]]
    timestamps: npt.NDArray[np.int64] | None

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
    spool: Spool, split: Split, encoder: Encoder, history: History, folds: int
) -> EventLog:
    """Gathers the clicks in stored order, in memory that grows with clicks.

    With a chronological split every click is an event, because a row sees only older ones. With
    other splits a click of a later part may be older than a row of the first, and training would
    see labels that it is tested on; there only clicks of the first part are events. A log without
    time has `folds` folds, see `FoldedIndex`.
    """
    schema = spool.schema
    elements = [encoder.schema.feature(name) for name in history.elements]
    assert schema.click is not None  # or the schema has no history
    columns = [schema.click.column, schema.keys.user, *history.elements]
    columns += [c for c in (schema.keys.timestamp, schema.keys.request) if c]
    users, keys, rows = [], [], []
    codes: dict[str, list[npt.NDArray[np.int32]]] = {name: [] for name in history.elements}
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
    return EventLog(index, row[index.order], ordered, key[index.order] if timed else None)


def history_keys(schema: Schema, block: Block) -> npt.NDArray[np.int64]:
    """What a block's rows are looked up by: timestamp, else request, else row number, `[n]`."""
    if schema.keys.timestamp:
        return block.frame[schema.keys.timestamp].to_numpy()
    if schema.keys.request:
        return id_keys(block.frame[schema.keys.request])
    return block.row_numbers

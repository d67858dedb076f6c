"""A sample of rows in raw form, as a client would send them to be scored."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from tfrec_mt.data.column_file import Columns
from tfrec_mt.data.hashing import derived_seed, uniform
from tfrec_mt.data.preparation.events import EventLog
from tfrec_mt.data.preparation.spool import Spool
from tfrec_mt.schema import CategoricalFeature, Schema, SchemaError
from tfrec_mt.schema.features import MISSING_INT, MISSING_STRING
from tfrec_mt.schema.schema import HISTORY_AGE, HISTORY_PREFIX
from tfrec_mt.tables.bags import cut_bags

MOST_REQUESTS = 2_000
ROW_COLUMN = "row"


class RequestSample:
    """Draws rows of one part while it is written, and keeps what a client would send for them.

    It draws one row from each of up to `MOST_REQUESTS` equal stretches of the part, by `seed`.

    Raises:
      SchemaError: A feature or topic has the name of the column that numbers the rows.
    """

    def __init__(self, schema: Schema, rows: int, seed: int) -> None:
        self._schema = schema
        self._sides = schema.side("user", "item", "context")
        self.columns = [part.name for part in (*self._sides, *schema.topics)]
        if ROW_COLUMN in self.columns:
            raise SchemaError(f"feature or topic {ROW_COLUMN!r}: the name is kept for row numbers")
        stretches = np.arange(min(rows, MOST_REQUESTS))
        places = (stretches + uniform(stretches, derived_seed(seed, "request"))) * (
            rows / len(stretches)
        )
        self._places = np.unique(places.astype(np.int64))
        self._seen = 0
        self._found: list[dict[str, npt.NDArray[np.int64]]] = []

    def add(self, row_numbers: npt.NDArray[np.int64], columns: Columns) -> None:
        """Adds the part's next rows: numbers in the log `[n]` and encoded columns `[n, ...]`."""
        low, high = np.searchsorted(self._places, [self._seen, self._seen + len(row_numbers)])
        chosen = self._places[low:high] - self._seen
        self._seen += len(row_numbers)
        wanted = ("history/start", "history/length", "keys/timestamp")
        found = {name: columns[name][chosen].astype(np.int64) for name in wanted if name in columns}
        self._found.append({"log": row_numbers[chosen], **found})

    def write(self, path: Path, spool: Spool, events: EventLog | None) -> None:
        """Writes the requests as Parquet.

        Columns: user, item and context features and topics, raw; per history element
        `history_<element>`, raw values newest first; with time gaps `history_age`, seconds before
        the row; and `row`, the number in the part.
        """
        drawn = {
            name: np.concatenate([found[name] for found in self._found]) for name in self._found[0]
        }
        frame = self._filled(spool.take(drawn["log"], self.columns))
        history = self._schema.history
        if history and events:
            lengths = np.minimum(drawn["history/length"], history.length)
            ends = np.cumsum(lengths)
            places = np.arange(lengths.sum()) - np.repeat(ends - lengths, lengths)
            stored = np.repeat(drawn["history/start"], lengths) + places
            clicks = self._filled(events.raw(stored, spool, history.elements))
            for name in history.elements:
                column = HISTORY_PREFIX + name
                frame = frame.with_columns(cut_bags(clicks[name], lengths).alias(column))
            if history.time_gaps and events.timestamps is not None:
                times = np.repeat(drawn["keys/timestamp"], lengths)
                ages = (times - events.timestamps[stored]).astype(np.float64)
                frame = frame.with_columns(cut_bags(pl.Series(ages), lengths).alias(HISTORY_AGE))
        frame.with_columns(pl.Series(ROW_COLUMN, self._places)).write_parquet(path)

    def _filled(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Replaces nulls by the values that a client sends for them."""
        filled = []
        for name in frame.columns:
            column = pl.col(name)
            if name in [topic.name for topic in self._schema.topics]:
                filled.append(column.fill_null(MISSING_STRING))
                continue
            feature = self._schema.feature(name)
            if not isinstance(feature, CategoricalFeature):
                filled.append(column.fill_null(float("nan")))
                continue
            integers = self._schema.vocabulary(feature.vocabulary).dtype == "int64"
            missing: int | str = MISSING_INT if integers else MISSING_STRING
            if feature.max_values > 1:
                ids = column.list.eval(pl.element().fill_null(missing))
                filled.append(ids.fill_null(pl.lit([], dtype=frame.schema[name])))
            else:
                filled.append(column.fill_null(missing))
        return frame.with_columns(filled)

"""Encodes a raw `NewsLog` as columns of codes."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from tfrec_mt.data.hashing import id_keys
from tfrec_mt.data.news.article_index import ArticleIndex
from tfrec_mt.data.news.impression_columns import ImpressionColumns
from tfrec_mt.data.news.news_source import NewsLog
from tfrec_mt.data.news.ragged import offsets_of
from tfrec_mt.errors import nearest
from tfrec_mt.schema import DataError, Topic

Int64s = npt.NDArray[np.int64]


def encode_log(
    log: NewsLog,
    index: ArticleIndex,
    topics: Sequence[Topic],
    first_click: int,
    counts: Counter[str],
) -> tuple[ImpressionColumns, npt.NDArray[np.int32]]:
    """Checks a log and turns its article ids into article rows.

    An impression without candidates is left out and counted.

    Args:
      log: The raw log.
      index: Rows of the articles; undescribed ids are added to it.
      topics: Topics with their domains.
      first_click: Clicks in the histories of earlier logs.
      counts: Counters of irregularities, added to.

    Returns:
      The impressions, and the article rows of all histories of this log, oldest first.

    Raises:
      DataError: A column is missing, of the wrong type or empty, lists of a row do not match, a
        label is not 0 or 1, or a probability not within [0, 1]; names file, column and row.
    """
    frame = _frame(log.impressions, ("impression", "user", "time", "history", "candidates"), log)
    bare = frame["candidates"].list.len().fill_null(0) == 0
    counts["impressions_without_candidates"] += int(bare.sum())
    frame = frame.with_row_index("row", offset=1).filter(~bare)
    if not frame.height:
        raise DataError(f"{log.file}: expected impressions with candidates, found none")
    for name in ("impression", "user", "time"):
        _refuse(frame[name].is_null(), frame, name, "a value, got none", log)

    clicks, offsets, times = _histories(log, index)
    time = _whole(frame["time"], f"{log.file}: time")
    end, length = _shown(offsets, times, frame, time, log)
    counts["impressions_without_history"] += int((length == 0).sum())

    lengths = frame["candidates"].list.len().to_numpy().astype(np.int64)
    flat = frame["candidates"].explode()
    candidates = index.rows_of(flat, f"{log.file}: candidates")
    counts["candidates_that_are_only_ids"] += int((candidates >= index.described).sum())
    clicked = _per_candidate(frame, "clicked", log)
    if clicked is not None:
        _refuse_flat((clicked != 0) & (clicked != 1), frame, "clicked", "0 or 1", log)
        clicked = clicked == 1
    truth = _per_candidate(frame, "truth", log)
    if truth is not None:
        outside = ~((truth >= 0) & (truth <= 1))
        _refuse_flat(outside, frame, "truth", "a probability in [0, 1]", log)
    columns = ImpressionColumns(
        impression=id_keys(frame["impression"]),
        user=id_keys(frame["user"]),
        time=time,
        history_end=end + first_click,
        history_length=length,
        offsets=offsets_of(lengths),
        candidates=candidates,
        clicked=clicked,
        truth=None if truth is None else truth.astype(np.float32),
        domains={topic.name: _domains(frame, topic, log, counts) for topic in topics},
    )
    return columns, clicks


def _histories(
    log: NewsLog, index: ArticleIndex
) -> tuple[npt.NDArray[np.int32], Int64s, Int64s | None]:
    """The flat clicks of all histories, their offsets and their times."""
    frame = _frame(log.histories, ("articles",), log, "histories")
    lengths = frame["articles"].list.len().fill_null(0).to_numpy().astype(np.int64)
    offsets = offsets_of(lengths)
    flat = frame["articles"].explode(empty_as_null=False, keep_nulls=False)
    clicks = index.rows_of(flat, f"{log.file}: histories")
    if "times" not in frame.columns:
        return clicks, offsets, None
    seconds = frame["times"].explode(empty_as_null=False, keep_nulls=False)
    same = frame["times"].list.len().fill_null(0).to_numpy() == lengths
    if not same.all() or seconds.null_count():
        row = int(np.argmin(same)) + 1
        raise DataError(
            f"{log.file}: histories, row {row}: expected one time per article, none missing"
        )
    times = _whole(seconds, f"{log.file}: histories, times")
    falls = np.flatnonzero(np.diff(times) < 0) + 1
    inside = falls[~np.isin(falls, offsets)]
    if len(inside):
        row = int(np.searchsorted(offsets, inside[0], side="right"))
        raise DataError(f"{log.file}: histories, row {row}: expected times that never fall")
    return clicks, offsets, times


def _shown(
    offsets: Int64s, times: Int64s | None, frame: pl.DataFrame, time: Int64s, log: NewsLog
) -> tuple[Int64s, npt.NDArray[np.int32]]:
    """End and number of the clicks that each impression sees."""
    histories = len(offsets) - 1
    number = frame["history"].cast(pl.Int64, strict=False).fill_null(-1).to_numpy()
    bad = pl.Series((number >= histories) | (number < -1))
    _refuse(bad, frame, "history", f"a row of the {histories} histories, or none", log)
    has = number >= 0
    start = np.where(has, offsets[:-1][number] if histories else 0, 0)
    end = np.where(has, offsets[1:][number] if histories else 0, 0)
    if times is not None and len(times):
        # One ascending key over all histories, so that one search finds every cut.
        first = min(int(times.min()), int(time.min()))
        span = max(int(times.max()), int(time.max())) - first + 1
        owner = np.repeat(np.arange(histories), np.diff(offsets))
        keys = owner * span + (times - first)
        end = np.where(has, np.searchsorted(keys, number * span + (time - first)), 0)
    return end.astype(np.int64), (end - start).astype(np.int32)


def _domains(
    frame: pl.DataFrame, topic: Topic, log: NewsLog, counts: Counter[str]
) -> npt.NDArray[np.int32]:
    if topic.name not in frame.columns:
        raise DataError(
            f"{log.file}: expected the topic {topic.name!r} as a column; "
            f"{nearest(topic.name, frame.columns)}"
        )
    codes = {domain: code for code, domain in enumerate(topic.domains, start=1)}
    texts = frame[topic.name].cast(pl.String)
    found = texts.replace_strict(codes, default=0, return_dtype=pl.Int32).fill_null(0)
    unknown = int(((found == 0) & texts.is_not_null()).sum())
    if unknown:
        counts[f"unknown_domains_of_{topic.name}"] += unknown
    return found.to_numpy()


def _per_candidate(frame: pl.DataFrame, name: str, log: NewsLog) -> npt.NDArray[Any] | None:
    """The flat values of an optional list column with one value per candidate."""
    if name not in frame.columns:
        return None
    lengths = frame[name].list.len().fill_null(0)
    wrong = lengths != frame["candidates"].list.len()
    _refuse(wrong, frame, name, "one value per candidate", log)
    return frame[name].explode().cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _refuse_flat(
    bad: npt.NDArray[np.bool_], frame: pl.DataFrame, name: str, expected: str, log: NewsLog
) -> None:
    if bad.any():
        ends = np.cumsum(frame["candidates"].list.len().to_numpy())
        at = int(np.searchsorted(ends, int(np.argmax(bad)), side="right"))
        raise DataError(_place(frame, at, name, log) + f"expected {expected} for each candidate")


def _refuse(bad: pl.Series, frame: pl.DataFrame, name: str, expected: str, log: NewsLog) -> None:
    if bad.any():
        raise DataError(_place(frame, int(bad.arg_max() or 0), name, log) + f"expected {expected}")


def _place(frame: pl.DataFrame, at: int, name: str, log: NewsLog) -> str:
    return f"{log.file}, row {frame['row'][at]}, column {name!r}: "


def _whole(values: pl.Series, where: str) -> Int64s:
    if not values.dtype.is_integer():
        raise DataError(f"{where}: expected whole seconds since 1970, got {values.dtype}")
    return values.cast(pl.Int64).to_numpy()


def _frame(
    table: pa.Table, names: Sequence[str], log: NewsLog, what: str = "impressions"
) -> pl.DataFrame:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise DataError(
            f"{log.file}: {what}: expected the column {missing[0]!r}; "
            f"{nearest(missing[0], table.column_names)}"
        )
    frame = pl.DataFrame(table)
    if not isinstance(frame[names[-1]].dtype, pl.List):
        raise DataError(
            f"{log.file}: {what}, column {names[-1]!r}: expected lists, "
            f"got {frame[names[-1]].dtype}"
        )
    return frame

"""`TakeoutSource`: a generated food platform whose click probabilities are known."""

import contextlib
import functools
import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfrec_mt.data.source import Chunk, Source
from tfrec_mt.data.sources.takeout.config import TakeoutConfig
from tfrec_mt.data.sources.takeout.domains import TOPICS
from tfrec_mt.data.sources.takeout.probabilities import position_effect
from tfrec_mt.data.sources.takeout.shard import shard_table
from tfrec_mt.data.sources.takeout.world import World
from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import (
    CategoricalFeature,
    DataError,
    History,
    Keys,
    NumericFeature,
    Schema,
    Vocabulary,
    click_tasks,
)

_POLL_SECONDS = 1.0

_SCHEMA = Schema(
    vocabularies=(
        Vocabulary(name="user", dtype="int64"),
        Vocabulary(name="item", dtype="int64"),
        Vocabulary(name="shop", dtype="int64"),
        Vocabulary(name="cuisine"),
        Vocabulary(name="user_segment"),
        Vocabulary(name="position", dtype="int64"),
    ),
    features=(
        CategoricalFeature(name="user_id", vocabulary="user", side="user"),
        CategoricalFeature(name="user_segment", vocabulary="user_segment", side="user"),
        CategoricalFeature(name="item_id", vocabulary="item", side="item"),
        CategoricalFeature(name="shop_id", vocabulary="shop", side="item"),
        CategoricalFeature(name="cuisine", vocabulary="cuisine", side="item"),
        NumericFeature(name="price", side="item", buckets=16),
        CategoricalFeature(name="position", vocabulary="position", side="exposure"),
    ),
    tasks=click_tasks("click", "order"),
    keys=Keys(user="user_id", item="item_id", request="request_id", timestamp="timestamp"),
    topics=TOPICS,
    truth={"ctr": "true_ctr", "ctcvr": "true_ctcvr"},
)


class TakeoutSource(Source):
    """A seeded food platform: 11 domains in three topics, with true probabilities.

    Each chunk is a shard: a block of users over all days, drawn from (seed, shard), so memory grows
    with the item catalogue only (about 0.3 bytes a row). `docs/takeout.md` states every
    probability.

    With `processes > 1` shards are generated in spawned processes, so a script must guard its
    entry point with `if __name__ == "__main__":`.

    Args:
      config: Size, seed and strength of the domain shift.

    Example:
      >>> source = TakeoutSource(TakeoutConfig(rows=50_000))
      >>> sum(chunk.table.num_rows for chunk in source.chunks())
      50000

    Reference:
      The domains follow Table 1 of "Pre-train and Fine-tune: Recommenders as Large Models".
    """

    def __init__(self, config: TakeoutConfig) -> None:
        self.config = config
        history = History(
            elements=("item_id", "shop_id", "cuisine", "price"),
            short=config.short_history,
            long=config.long_history,
            time_gaps=True,
        )
        leaving = ("user", "item")
        vocabularies = (
            replace(v, evict_after=config.evict_after) if v.name in leaving else v
            for v in _SCHEMA.vocabularies
        )
        self._schema = replace(_SCHEMA, history=history, vocabularies=tuple(vocabularies))

    @property
    def schema(self) -> Schema:
        return self._schema

    @property
    def rows(self) -> int:
        return self.config.rows

    @property
    def default_split(self) -> SplitSpec:
        """Whole days: the last is `test`, the one before it is `fresh`."""
        return SplitSpec.usual("days")

    @property
    def position_effect(self) -> NDArray[np.float64]:
        """[slots] true log-odds that positions 1..slots add to a click, 0 for the first."""
        return position_effect(self.config.slots)

    def chunks(self) -> Iterator[Chunk]:
        parallel = self.config.processes > 1 and self.config.shards > 1
        if parallel:
            tables = _in_processes(self.config)
        else:
            world = _world(self.config)
            tables = (shard_table(world, shard) for shard in range(self.config.shards))
        for shard, table in enumerate(tables):
            yield Chunk(table=table, file=f"takeout-{shard:05d}-of-{self.config.shards:05d}")


def _in_processes(config: TakeoutConfig) -> Iterator[pa.Table]:
    """Yields shards in order; at most two per process are under way or waiting to be taken."""
    pending: deque[Future[pa.Table]] = deque()
    others = {*multiprocessing.active_children()}
    pool = ProcessPoolExecutor(config.processes, multiprocessing.get_context("spawn"))
    workers: set[Any] = set()
    try:
        for shard in range(config.shards):
            pending.append(pool.submit(_generate, config, shard))
            workers = workers or {*multiprocessing.active_children()} - others
            if len(pending) == 2 * config.processes:
                yield _result(pending.popleft(), workers)
        while pending:
            yield _result(pending.popleft(), workers)
    except BrokenProcessPool as error:
        for worker in workers:
            worker.kill()
            worker.join()
        # the pool's thread may wait for the rest of a table, whose writers are all gone
        with contextlib.suppress(AttributeError, OSError):
            pool._result_queue._writer.close()  # type: ignore[attr-defined]
        raise DataError(
            f"takeout: one of processes={config.processes} was killed, most likely for lack of "
            "memory; use fewer processes"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _result(future: "Future[pa.Table]", workers: Iterable[Any]) -> pa.Table:
    """Waits for a shard while all processes live; a pool does not notice one killed in writing."""
    while True:
        try:
            return future.result(_POLL_SECONDS)
        except TimeoutError:
            if any(worker.exitcode is not None for worker in workers):
                raise BrokenProcessPool("a process is gone") from None


def _generate(config: TakeoutConfig, shard: int) -> pa.Table:
    return shard_table(_world(config), shard)


@functools.lru_cache(maxsize=1)
def _world(config: TakeoutConfig) -> World:
    """The world of this process, drawn once."""
    return World.create(config)

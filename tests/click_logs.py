"""A small generated click log that the tests of preparation and reading share."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from tfrec_mt.data.source import Chunk, Source
from tfrec_mt.schema import (
    CategoricalFeature,
    History,
    Keys,
    NumericFeature,
    Schema,
    Topic,
    Vocabulary,
    click_tasks,
)

DAY = 86_400
FIRST_SECOND = 1_700_006_400  # a midnight (UTC)


def click_log_schema(timed: bool = True, long: int = 0, request: bool = True) -> Schema:
    """Two vocabularies shared or hashed, a bag, two numbers, a topic, two labels and a truth."""
    return Schema(
        vocabularies=(
            Vocabulary(name="user"),
            Vocabulary(name="item", dtype="int64", min_count=3),
            Vocabulary(name="tag"),
        ),
        features=(
            CategoricalFeature(name="user_id", vocabulary="user", side="user"),
            CategoricalFeature(name="item_id", vocabulary="item", side="item"),
            CategoricalFeature(name="brand", vocabulary="item", side="item"),
            CategoricalFeature(name="tags", vocabulary="tag", side="item", max_values=3),
            NumericFeature(name="price", side="item", buckets=4, missing="impute"),
            NumericFeature(name="load", side="context", buckets=None),
            CategoricalFeature(name="position", vocabulary="tag", side="exposure"),
        ),
        tasks=click_tasks("click", "order"),
        keys=Keys(
            user="user_id",
            item="item_id",
            request="request" if request else None,
            timestamp="time" if timed else None,
        ),
        history=History(
            elements=("item_id", "brand", "price"), short=4, long=long, time_gaps=timed
        ),
        topics=(Topic(name="region"),),
        truth={"ctr": "chance"},
    )


@dataclass
class ClickLog(Source):
    """A generated log whose ids, bags and numbers are sometimes missing."""

    rows: int = 600
    users: int = 12
    days: int = 4
    seed: int = 0
    chunk_rows: int = 97
    click_rate: float = 0.5
    log_schema: Schema = field(default_factory=click_log_schema)

    @property
    def schema(self) -> Schema:
        return self.log_schema

    def table(self) -> pa.Table:
        random = np.random.default_rng(self.seed)
        n = self.rows
        clicks = random.random(n) < self.click_rate
        users = random.integers(0, self.users, n)
        items = random.integers(0, 40, n)
        known = random.random(n) < 0.9
        # 50 seconds of each day, so that rows of one user often share a second
        times = random.integers(0, self.days, n) * DAY + random.integers(0, 50, n)
        times[:1], times[1:2] = 0, self.days * DAY - 1
        bags = [[f"t{tag}" for tag in random.integers(0, 6, k)] for k in random.integers(0, 4, n)]
        columns: dict[str, Any] = {
            "user_id": [f"u{user}" for user in users],
            "item_id": items,
            "brand": [int(i) % 7 if k else None for i, k in zip(items, known, strict=True)],
            "tags": pa.array(bags, pa.list_(pa.string())),
            "price": [float(p) if p > 1 else None for p in random.integers(0, 9, n)],
            "load": random.normal(3, 2, n).astype(np.float32),
            "position": [f"t{place}" for place in random.integers(0, 6, n)],
            "click": clicks.astype(np.int64),
            "order": (clicks & (random.random(n) < 0.3)).astype(np.int64),
            "request": np.arange(n) // 5,
            "time": FIRST_SECOND + times,
            "region": [f"r{region}" for region in random.integers(0, 3, n)],
            "chance": random.random(n),
        }
        return pa.table(columns)

    def chunks(self) -> Iterator[Chunk]:
        table = self.table()
        for start in range(0, self.rows, self.chunk_rows):
            yield Chunk(table.slice(start, self.chunk_rows), "generated", start + 1)

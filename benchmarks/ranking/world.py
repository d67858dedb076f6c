"""The click log that ranking models are timed on: schema, size and random batches."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.reading.batch import Arrays
from tfrec_mt.schema import (
    CategoricalFeature,
    History,
    Keys,
    Schema,
    Topic,
    Vocabulary,
    click_tasks,
)
from tfrec_mt.schema.features import AGE_ROWS
from tfrec_mt.schema.schema import HISTORY_AGE, HISTORY_PREFIX

FEATURES = 10  # of the user, and as many of the item
ELEMENTS = 4  # of a click in a history, apart from its age
POSITIONS = 20
UNITS = (1024, 512, 256)  # of each expert, IAK paper, appendix C
TOPICS = {"scene": 2, "period": 3, "region": 6}


@dataclass(frozen=True, kw_only=True)
class World:
    """Sizes of a click log and of the model trained on it (IAK paper, appendix C).

    Unless `skewed`, every id is drawn uniformly from its half of the table, the hardest case for
    caches and for row-sparse updates: hardly any row of a batch occurs twice.

    Args:
      model: `olr` or `mmoe`.
      table_rows: Rows of all embedding tables; users and items have half of them each.
      batch_size: Rows of a step.
      short: Clicks of the recent history; 0 leaves sequences out.
      long: Clicks of the long history; 0 leaves it out.
      debias: Whether positions are known, so that a debias tower is trained.
      topics: Whether rows are in domains: of two scenes, three periods and six regions.
      skewed: Whether the id of rank r is drawn in proportion to 1 / r, about as in real logs.
      precision: Type of matrix products.
      batches: Different batches.
    """

    model: str = "olr"
    table_rows: int = 1_000_000
    batch_size: int = 1024
    short: int = 50
    long: int = 256
    debias: bool = True
    topics: bool = False
    skewed: bool = False
    precision: str = "float32"
    batches: int = 8

    @property
    def schema(self) -> Schema:
        """Ten user and ten item features; a click in a history has four of the item's."""
        half = self.table_rows // 2
        position = CategoricalFeature(name="position", vocabulary="position", side="exposure")
        return Schema(
            vocabularies=(
                Vocabulary(name="user", dtype="int64", size=half - 2),
                Vocabulary(name="item", dtype="int64", size=half - 2),
                Vocabulary(name="position", dtype="int64", size=POSITIONS - 2),
            ),
            features=(
                *(
                    CategoricalFeature(name=f"{side}_{i}", vocabulary=side, side=side)
                    for side in ("user", "item")
                    for i in range(FEATURES)
                ),
                *((position,) if self.debias else ()),
            ),
            tasks=click_tasks("click", "order"),
            keys=Keys(user="user_0", item="item_0", timestamp="time"),
            history=History(
                elements=tuple(f"item_{i}" for i in range(ELEMENTS)),
                short=self.short,
                long=self.long,
                time_gaps=True,
            )
            if self.short
            else None,
            topics=tuple(
                Topic(name=name, domains=tuple(f"{name}{i}" for i in range(count)))
                for name, count in TOPICS.items()
            )
            if self.topics
            else (),
        )

    def arrays(self) -> tuple[Arrays, Arrays]:
        """Random features and labels of all batches, `[batches, B, ...]`."""
        rng = np.random.default_rng(0)
        rows = (self.batches, self.batch_size)
        names = [f"{side}_{i}" for side in ("user", "item") for i in range(FEATURES)]
        features = {name: self._ids(rng, rows) for name in names}
        if self.debias:
            features["position"] = rng.integers(1, POSITIONS, rows, np.int32)
        if self.short:
            clicks = (*rows, max(self.short, self.long))
            for i in range(ELEMENTS):
                features[f"{HISTORY_PREFIX}item_{i}"] = self._ids(rng, clicks)
            features[HISTORY_AGE] = rng.integers(1, AGE_ROWS, clicks, np.int32)
        if self.topics:
            for name, count in TOPICS.items():
                features[name] = rng.integers(1, count + 1, rows, np.int32)
        click = rng.random(rows) < 0.1
        order = click & (rng.random(rows) < 0.2)
        return features, {"ctr": click.astype(np.float32), "ctcvr": order.astype(np.float32)}

    def _ids(self, rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.int32]:
        half = self.table_rows // 2
        if self.skewed:  # codes are in order of falling count
            return np.exp(rng.random(shape) * np.log(half)).astype(np.int32)
        return rng.integers(1, half, shape, np.int32)

    def rows_of_one_table(self) -> tuple[Arrays, Arrays]:
        """The same batches with ids as rows of one table: users, then items, then ages.

        Returns:
          `flat` `[batches, B, 20]`, with histories `history` `[batches, B, L, 5]` and its `mask`
          `[batches, B, L]`, with the debias tower `position` `[batches, B]`; and labels.
        """
        features, labels = self.arrays()
        starts = {"user": 0, "item": self.table_rows // 2, "age": self.table_rows}

        def stack(names: list[str]) -> Any:
            kinds = [next(kind for kind in starts if kind in name) for name in names]
            found = [features[n] + starts[kind] for n, kind in zip(names, kinds, strict=True)]
            return np.stack(found, axis=-1)

        names = [f"{side}_{i}" for side in ("user", "item") for i in range(FEATURES)]
        given = {"flat": stack(names)}
        if self.short:
            names = [f"{HISTORY_PREFIX}item_{i}" for i in range(ELEMENTS)]
            given["history"] = stack([*names, HISTORY_AGE])
            given["mask"] = features[names[0]] > 0
        if self.debias:
            given["position"] = features["position"]
        return given, labels


# The part that every recommender library has.
BARE = World(model="mmoe", short=0, long=0, debias=False)

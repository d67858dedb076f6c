"""How rows are divided into parts such as train, fresh and test."""

import math
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.hashing import derived_seed, uniform
from tfrec_mt.schema import DataError, Schema, SchemaError

SplitKind = Literal["days", "time", "random", "request", "given"]
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class SplitSpec:
    """A rule that puts each row into one part.

    Args:
      kind: `"days"`: by calendar day (UTC) since the first row, weights count days; `"time"`: in
        order of time by shares of the rows, rows of one second stay together; `"random"`: row by
        row; `"request"`: whole requests at random; `"given"`: as the source comes divided.
      parts: Names and weights; the first part is the one that vocabularies are learned from.

    Raises:
      SchemaError: No part, a name twice or not usable as a folder, a weight that is not a
        positive number, or not a whole number of days.

    Example:
      >>> SplitSpec.parse("train:6,fresh:1,test:1", "days").names
      ('train', 'fresh', 'test')
    """

    kind: SplitKind
    parts: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        if self.kind not in get_args(SplitKind):
            raise SchemaError(
                f"split: kind must be one of {get_args(SplitKind)}, got {self.kind!r}"
            )
        if not self.parts or len(self.parts) > 255:
            raise SchemaError(f"split: need 1 to 255 parts, got {len(self.parts)}")
        if len(set(self.names)) != len(self.parts):
            raise SchemaError(f"split: part names must be distinct, got {list(self.names)}")
        for name, weight in self.parts:
            if not name.isidentifier() or name in ("events", "vocabularies"):
                raise SchemaError(
                    f"split: part name {name!r} is not usable: expected letters, digits and "
                    "underscores, not 'events' or 'vocabularies'"
                )
            if not (math.isfinite(weight) and weight > 0):
                raise SchemaError(f"split: weight of {name!r} must be positive, got {weight}")
            if self.kind == "days" and weight != int(weight):
                raise SchemaError(
                    f"split: weight of {name!r} counts days and must be whole, got {weight}"
                )

    @classmethod
    def parse(cls, text: str, kind: str) -> "SplitSpec":
        """Reads `name:weight,name:weight,...`."""
        parts = []
        for item in text.split(","):
            name, colon, weight = item.strip().partition(":")
            try:
                parts.append((name, float(weight)))
            except ValueError:
                raise SchemaError(
                    f"split {text!r}: expected name:weight such as 'train:6,test:1', "
                    f"got {item.strip()!r}" + ("" if colon else " without a weight")
                ) from None
        return cls(cast(SplitKind, kind), tuple(parts))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parts, in order."""
        return tuple(name for name, _ in self.parts)

    @property
    def chronological(self) -> bool:
        """Whether every row of a part is at least as old as every row of the next."""
        return self.kind in ("days", "time")

    def key_column(self, schema: Schema) -> str | None:
        """The column that decides a row's part, or None where its number does.

        Raises:
          SchemaError: The schema names no such column.
        """
        if self.chronological and not schema.keys.timestamp:
            raise SchemaError(
                f"split {self.kind!r} needs keys.timestamp, which the schema does not name; "
                "set it, or split by 'random'" + (" or 'request'" if schema.keys.request else "")
            )
        if self.kind == "request" and not schema.keys.request:
            raise SchemaError(
                "split 'request' needs keys.request, which the schema does not name; "
                "set it, or split by 'random'"
            )
        if self.chronological:
            return schema.keys.timestamp
        return schema.keys.request if self.kind == "request" else None

    def __str__(self) -> str:
        return ",".join(f"{name}:{weight:g}" for name, weight in self.parts)


@dataclass(frozen=True)
class Split:
    """A `SplitSpec` made definite for one log.

    Args:
      spec: The rule.
      seed: Seed of the random kinds.
      cuts: The first second of each part after the first, of a given division the first row.
    """

    spec: SplitSpec
    seed: int = 0
    cuts: tuple[int, ...] = ()

    def assign(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The part number of each row.

        Args:
          keys: int64 `[n]`: timestamps in seconds for the chronological kinds, hashed request ids
            for `"request"`, numbers of the rows in the whole log for `"random"` and `"given"`.

        Returns:
          uint8 `[n]`, indices into `spec.parts`.
        """
        if self.spec.chronological or self.spec.kind == "given":
            cuts = np.asarray(self.cuts, dtype=np.int64)
            parts = np.searchsorted(cuts, keys, side="right")
        else:
            edges = np.cumsum([weight for _, weight in self.spec.parts])
            shares = uniform(keys, derived_seed(self.seed, "split")) * edges[-1]
            parts = np.searchsorted(edges[:-1], shares, side="right")
        return parts.astype(np.uint8)


def chronological_cuts(
    spec: SplitSpec, seconds: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> tuple[int, ...]:
    """Where in time a chronological split cuts one log.

    Args:
      spec: A split of kind `"days"` or `"time"`.
      seconds: Distinct timestamps of the log, ascending, int64 `[s]`.
      rows: Rows at each of them, int64 `[s]`.

    Returns:
      The first second of each part after the first.

    Raises:
      DataError: The log does not cover as many days as the split counts.
    """
    edges = np.cumsum([weight for _, weight in spec.parts])
    if spec.kind == "days":
        first_day = int(seconds[0]) // SECONDS_PER_DAY
        days = int(seconds[-1]) // SECONDS_PER_DAY - first_day + 1
        if days != edges[-1]:
            raise DataError(
                f"split {spec} counts {int(edges[-1])} days, but the log covers {days} calendar "
                "days (UTC); give every day to a part, or split by 'time'"
            )
        return tuple((first_day + int(edge)) * SECONDS_PER_DAY for edge in edges[:-1])
    older = np.cumsum(rows) - rows
    wanted = edges[:-1] / edges[-1] * rows.sum()
    return tuple(int(seconds[np.abs(older - count).argmin()]) for count in wanted)

"""How rows are divided into parts such as train, fresh and test."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from tfrec_mt.data.hashing import derived_seed, uniform
from tfrec_mt.schema import DataError, Schema, SchemaError
from tfrec_mt.storage.names import CARRIED, VOCABULARIES

SplitKind = Literal["days", "time", "random", "request", "given"]
Weight = float | Literal["*"]
REST: Final = "*"
# Default names and shares of the parts.
DEFAULT_SHARES = (("train", 6.0), ("fresh", 1.0), ("test", 1.0))
SECONDS_PER_DAY = 86_400
_TAKEN = ("events", VOCABULARIES, CARRIED)  # folders of a dataset


@dataclass(frozen=True)
class SplitSpec:
    """A rule that puts each row into one part.

    Args:
      kind: `"days"`: by calendar day (UTC) since the first row, weights count days, and the weight
        `"*"` of one part stands for all that the others leave; `"time"`: in order of time by shares
        of the rows, rows of one second stay together; `"random"`: row by row; `"request"`: whole
        requests at random; `"given"`: as the source comes divided.
      parts: Names and weights; the first part is the one that vocabularies are learned from.

    Raises:
      SchemaError: No part, a name twice or not usable as a folder, a weight that is not a
        positive number, or not a whole number of days; `"*"` twice, or not of days.

    Example:
      >>> SplitSpec.parse("train:*,fresh:1,test:1", "days").names
      ('train', 'fresh', 'test')
    """

    kind: SplitKind
    parts: tuple[tuple[str, Weight], ...]

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
            if not name.isidentifier() or name in _TAKEN:
                raise SchemaError(
                    f"split: part name {name!r} is not usable: expected letters, digits and "
                    f"underscores, not {', '.join(map(repr, _TAKEN[:-1]))} or {_TAKEN[-1]!r}"
                )
            if weight == REST and self.kind != "days":
                raise SchemaError(
                    f"split: weight '*' of {name!r} stands for days, expected a share of "
                    f"kind {self.kind!r}"
                )
            if weight == REST:
                continue
            if not (math.isfinite(weight) and weight > 0):
                raise SchemaError(f"split: weight of {name!r} must be positive, got {weight}")
            if self.kind == "days" and weight != int(weight):
                raise SchemaError(
                    f"split: weight of {name!r} counts days and must be whole, got {weight}"
                )
        rest = [name for name, weight in self.parts if weight == REST]
        if len(rest) > 1:
            raise SchemaError(f"split: expected at most one part of weight '*', got {rest}")

    @classmethod
    def parse(cls, text: str, kind: str) -> "SplitSpec":
        """Reads `name:weight,name:weight,...`, with `name:*` for all other days."""
        parts: list[tuple[str, Weight]] = []
        for item in text.split(","):
            name, colon, weight = item.strip().partition(":")
            try:
                parts.append((name, REST if weight.strip() == REST else float(weight)))
            except ValueError:
                raise SchemaError(
                    f"split {text!r}: expected name:weight such as 'train:6,test:1', "
                    f"got {item.strip()!r}" + ("" if colon else " without a weight")
                ) from None
        return cls(cast(SplitKind, kind), tuple(parts))

    @classmethod
    def usual(cls, kind: SplitKind) -> "SplitSpec":
        """`DEFAULT_SHARES`; by days, one day per part, except that the first takes the rest."""
        if kind != "days":
            return cls(kind, DEFAULT_SHARES)
        (first, _), *others = DEFAULT_SHARES
        return cls(kind, ((first, REST), *((name, 1.0) for name, _ in others)))

    @classmethod
    def given(cls, names: Iterable[str]) -> "SplitSpec":
        """The parts of a divided source."""
        return cls("given", tuple((name, 1.0) for name in names))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parts, in order."""
        return tuple(name for name, _ in self.parts)

    @property
    def chronological(self) -> bool:
        """Whether every row of a part is at least as old as every row of the next."""
        return self.kind in ("days", "time")

    @property
    def edges(self) -> npt.NDArray[np.float64]:
        """Cumulative weights of the parts, float64 `[parts]`.

        Raises:
          ValueError: A weight is `"*"`, which `of_days` makes a number.
        """
        return np.cumsum([float(weight) for _, weight in self.parts])

    def of_days(self, days: int) -> "SplitSpec":
        """The rule for a log of that many calendar days, with a number for `"*"`.

        Raises:
          DataError: A split of kind `"days"` asks for more days than there are, or for fewer.
        """
        if self.kind != "days":
            return self
        covered = f"the log covers {days} calendar days (UTC)"
        counts = [float(weight) for _, weight in self.parts if weight != REST]
        asked = int(sum(counts))
        if len(counts) == len(self.parts):
            if days != asked:
                raise DataError(
                    f"split {self} counts {asked} days, but {covered}; give every day to a part "
                    "(weight '*' takes what is left), or split by 'time'"
                )
            return self
        if days <= asked:
            raise DataError(
                f"split {self} asks for {asked} days beside those of '*', but {covered}; "
                "split by 'time'"
            )
        parts = ((n, float(days - asked) if weight == REST else weight) for n, weight in self.parts)
        return replace(self, parts=tuple(parts))

    def key_column(self, schema: Schema) -> str | None:
        """The column that decides a row's part, or None where the row number does.

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
        return ",".join(
            f"{name}:{weight}" if weight == REST else f"{name}:{weight:g}"
            for name, weight in self.parts
        )


@dataclass(frozen=True)
class Split:
    """A `SplitSpec` for one log, without `"*"`; `seed` is for the random kinds.

    `cuts` are the first second of each part after the first, or the first row of a given division.
    """

    spec: SplitSpec
    seed: int = 0
    cuts: tuple[int, ...] = ()

    def assign(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The part number of each row, uint8 `[n]`, an index into `spec.parts`.

        `keys` int64 `[n]` are timestamps in seconds for the chronological kinds, hashed request ids
        for `"request"`, row numbers in the whole log for `"random"` and `"given"`.
        """
        if self.spec.chronological or self.spec.kind == "given":
            cuts = np.asarray(self.cuts, dtype=np.int64)
            parts = np.searchsorted(cuts, keys, side="right")
        else:
            edges = self.spec.edges
            shares = uniform(keys, derived_seed(self.seed, "split")) * edges[-1]
            parts = np.searchsorted(edges[:-1], shares, side="right")
        return parts.astype(np.uint8)


def chronological_split(
    spec: SplitSpec,
    seconds: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    seed: int = 0,
) -> Split:
    """A split of kind `"days"` or `"time"` for one log; the seed is only recorded.

    Args:
      spec: The rule.
      seconds: Distinct timestamps of the log, ascending, int64 `[s]`.
      rows: Rows at each of them, int64 `[s]`.
      seed: Seed to record.

    Raises:
      DataError: The log does not cover the days that the split asks for.
    """
    if spec.kind == "days":
        first_day = int(seconds[0]) // SECONDS_PER_DAY
        spec = spec.of_days(int(seconds[-1]) // SECONDS_PER_DAY - first_day + 1)
        cuts = tuple((first_day + int(edge)) * SECONDS_PER_DAY for edge in spec.edges[:-1])
        return Split(spec, seed, cuts)
    older = np.cumsum(rows) - rows
    wanted = spec.edges[:-1] / spec.edges[-1] * rows.sum()
    return Split(spec, seed, tuple(int(seconds[np.abs(older - n).argmin()]) for n in wanted))

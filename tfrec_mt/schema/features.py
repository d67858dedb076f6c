"""The parts of a schema: vocabularies, features, the history and topics."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Discriminator

from tfrec_mt.errors import SchemaError
from tfrec_mt.schema.usable_names import why_unusable

Side = Literal["user", "item", "context", "exposure"]
MOST_ROWS = (1 << 31) - 1  # codes are int32
MOST_VALUES = 1_000_000  # of a list in one row
SIDES: tuple[Side, ...] = ("user", "item", "context", "exposure")

# Ages of history elements come in powers of two: code 0 is padding, and code
# 1 + min(31, floor(log2(1 + seconds))) an age.
AGE_ROWS = 33

# A number that is passed through is clipped to this many deviations from its mean. No row that the
# moments come from lies beyond, because none can be further than the square root of their number. A
# served row can, and would be infinite after the first product.
MOST_DEVIATIONS = 1e6

# Raw values that mean "nothing here", in preparation and in a served request alike.
MISSING_INT = -1
MISSING_STRING = ""


def _check_name(kind: str, name: str) -> None:
    if why := why_unusable(name):
        raise SchemaError(f"{kind} name {name!r} is not usable as a tensor name: {why}")


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Ids that share one embedding table.

    Row 0 of the table is for missing values and padding, rows `1..hash_buckets` are shared by
    unknown ids according to their hash, and the known ids follow.

    Args:
      name: Table name; several features may name the same vocabulary.
      dtype: Type of the raw ids, `"string"` or `"int64"`.
      hash_buckets: Rows shared by unknown ids, at least 1.
      max_size: Most known ids to keep, by frequency; None keeps all, 0 hashes every id.
      min_count: Ids seen less often in the first part of the data count as unknown.
      evict_after: Days without a row after which `prepare(like=)` makes an id unknown and frees its
        table row; None never does.
      size: Number of known ids; learned at preparation.
      sha256: Of the file of known ids; of prepared data and models, empty where it is not known.
    """

    name: str
    dtype: Literal["string", "int64"] = "string"
    hash_buckets: int = 1
    max_size: int | None = None
    min_count: int = 1
    evict_after: int | None = None
    size: int = 0
    sha256: str = ""

    def __post_init__(self) -> None:
        _check_name("vocabulary", self.name)
        if self.dtype not in ("string", "int64"):
            raise SchemaError(
                f"vocabulary {self.name!r}: dtype must be 'string' or 'int64', got {self.dtype!r}"
            )
        if self.hash_buckets < 1:
            raise SchemaError(
                f"vocabulary {self.name!r}: hash_buckets must be at least 1, "
                f"got {self.hash_buckets}; unknown ids need a row"
            )
        if self.min_count < 1 or self.size < 0 or (self.max_size or 0) < 0:
            raise SchemaError(
                f"vocabulary {self.name!r}: need min_count >= 1, size >= 0 and max_size >= 0, got "
                f"{self.min_count}, {self.size} and {self.max_size}"
            )
        if self.evict_after is not None and self.evict_after < 1:
            raise SchemaError(
                f"vocabulary {self.name!r}: evict_after counts days and must be at least 1, "
                f"got {self.evict_after}"
            )
        if self.rows > MOST_ROWS:
            raise SchemaError(
                f"vocabulary {self.name!r}: expected at most {MOST_ROWS:,} rows of hash_buckets "
                f"and ids, got {self.rows:,}"
            )

    @property
    def rows(self) -> int:
        """Rows of the embedding table: missing, hashed and known ids."""
        return 1 + self.hash_buckets + self.size

    @property
    def first_known(self) -> int:
        """Code of the first known id."""
        return 1 + self.hash_buckets


def _check_side(name: str, side: str) -> None:
    if side not in SIDES:
        raise SchemaError(f"feature {name!r}: side must be one of {SIDES}, got {side!r}")


@dataclass(frozen=True, kw_only=True)
class CategoricalFeature:
    """A feature of one or several ids.

    Args:
      name: Column name.
      vocabulary: Name of its vocabulary.
      side: What it describes: the user, the item, the context, or the exposure (known only
        after the item was shown, so seen by the debias tower alone and absent at serving).
      max_values: Ids per row; more than 1 makes it a bag whose embeddings are averaged.
      separator: What joins the ids of a bag in text; None: `|`, or a list as `split_bags` reads it.
    """

    name: str
    vocabulary: str
    side: Side
    max_values: int = 1
    separator: str | None = None
    kind: Literal["categorical"] = "categorical"

    def __post_init__(self) -> None:
        _check_name("feature", self.name)
        _check_side(self.name, self.side)
        if not 1 <= self.max_values <= MOST_VALUES:
            raise SchemaError(
                f"feature {self.name!r}: max_values must be at least 1 and at most "
                f"{MOST_VALUES:,}, got {self.max_values}"
            )
        if self.separator is not None and (self.separator == "" or self.max_values == 1):
            raise SchemaError(
                f"feature {self.name!r}: a separator joins several values, expected max_values "
                f"above 1 and a sign, got {self.max_values} and {self.separator!r}"
            )


@dataclass(frozen=True, kw_only=True)
class NumericFeature:
    """A number, discretised at learned quantiles, or standardised and passed through.

    Args:
      name: Column name.
      side: See `CategoricalFeature`.
      buckets: Number of quantile buckets; None passes `(x - mean) / std` through, at most
        `MOST_DEVIATIONS` of it.
      missing: What a null or NaN means: `"error"` refuses it, in a log and in a request,
        `"impute"` gives it bucket 0, or the mean where the number is passed through.
      boundaries: Inner bucket edges, ascending, in the column's unit; learned.
      mean, std: Moments over the first part of the data; learned.
    """

    name: str
    side: Side
    buckets: int | None = 16
    missing: Literal["error", "impute"] = "error"
    boundaries: tuple[float, ...] = ()
    mean: float = 0.0
    std: float = 1.0
    kind: Literal["numeric"] = "numeric"

    def __post_init__(self) -> None:
        _check_name("feature", self.name)
        _check_side(self.name, self.side)
        if self.buckets is not None and self.buckets < 2:
            raise SchemaError(
                f"feature {self.name!r}: buckets must be at least 2 or null, got {self.buckets}"
            )
        if self.missing not in ("error", "impute"):
            raise SchemaError(
                f"feature {self.name!r}: missing must be 'error' or 'impute', got {self.missing!r}"
            )
        ascending = all(a < b for a, b in itertools.pairwise(self.boundaries))
        if not (ascending and all(map(math.isfinite, self.boundaries))):
            raise SchemaError(f"feature {self.name!r}: boundaries must be finite and ascending")
        if not (math.isfinite(self.mean) and math.isfinite(self.std) and self.std > 0):
            raise SchemaError(
                f"feature {self.name!r}: mean must be finite and std positive, "
                f"got {self.mean} and {self.std}"
            )

    @property
    def scale(self) -> float:
        """The divisor of standardising: the deviation, at least the smallest normal float32."""
        return max(self.std, 2.0**-126)

    @property
    def rows(self) -> int:
        """Rows of the embedding table of a discretised number: missing, then the buckets."""
        return len(self.boundaries) + 2


Feature = Annotated[CategoricalFeature | NumericFeature, Discriminator("kind")]


@dataclass(frozen=True, kw_only=True)
class History:
    """What a user clicked before a row, newest first.

    Args:
      elements: Item features that describe one click; they use the item's own tables.
      short: Length of the recent history.
      long: Length of the long history, which contains the recent one; 0 for none.
      time_gaps: Whether an element also carries its age; needs a timestamp.
    """

    elements: tuple[str, ...]
    short: int = 50
    long: int = 0
    time_gaps: bool = False

    def __post_init__(self) -> None:
        if not self.elements:
            raise SchemaError("history: needs at least one element feature")
        if self.short < 1 or self.long < 0 or 0 < self.long < self.short:
            raise SchemaError(
                "history: need short >= 1 and long either 0 or at least short, "
                f"got {self.short} and {self.long}"
            )
        if self.length > MOST_VALUES:
            raise SchemaError(
                f"history: expected at most {MOST_VALUES:,} clicks, got {self.length}"
            )

    @property
    def length(self) -> int:
        """Most clicks that a row can see."""
        return max(self.short, self.long)


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A division of rows into domains; a row is in at most one domain of each topic.

    Args:
      name: Column name, a string column.
      domains: The domains; left empty they are learned at preparation. A domain's code is its
        place in this list plus one, and 0 is a missing or unknown domain.
    """

    name: str
    domains: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_name("topic", self.name)
        check_domains(self.name, self.domains)


def check_domains(topic: str, domains: Sequence[str]) -> None:
    """Checks the names of a topic's domains.

    Raises:
      SchemaError: A name is empty or given twice, or cannot be a line of a file.
    """
    if len(set(domains)) != len(domains) or MISSING_STRING in domains:
        raise SchemaError(f"topic {topic!r}: domains must be distinct and not empty, got {domains}")
    for domain in domains:
        if set(domain) & set("\n\r\t"):
            raise SchemaError(
                f"topic {topic!r}: domain {domain!r}: expected a name without tabs and line "
                "breaks, as a served model reads one a line"
            )

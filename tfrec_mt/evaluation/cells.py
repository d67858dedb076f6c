"""Names of what is scored and where."""

from dataclasses import dataclass

ALL = "all"
MEAN = "mean"
ORACLE = "oracle"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class ScoreKey:
    """Names one set of scores.

    Args:
      model: Model name, as it appears in metric rows.
      topic: The topic whose domains these scores are for, as with kernels of that topic; None
        for scores that hold for every row. A model may have both: the scores of a topic then
        stand for that topic's domains, and the others for all the rest.
    """

    model: str
    topic: str | None = None


@dataclass(frozen=True)
class Cell:
    """A part of the rows.

    Args:
      topic: Topic name, or `all`.
      domain: Domain name, or `all`.
    """

    topic: str
    domain: str

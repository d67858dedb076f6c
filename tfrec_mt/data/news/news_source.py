"""`NewsSource`: the interface between any news data and preparation."""

import abc
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from tfrec_mt.data.splits import SplitSpec
from tfrec_mt.schema import Topic


@dataclass(frozen=True)
class NewsLog:
    """Impressions and the histories they refer to.

    Ids of users, articles and impressions are whole numbers or text. Columns of `histories`, one
    row per history:

    - `articles`: list of article ids, oldest first;
    - `times` (optional): list of the clicks' seconds, never decreasing. An impression then sees the
      strictly older clicks of its history; without times, it sees the whole history.

    Columns of `impressions`, one row per impression:

    - `impression`, `user`: ids;
    - `time`: int64 seconds since 1970;
    - `history`: row of `histories`; null for none;
    - `candidates`: list of article ids, as shown;
    - `clicked` (optional): list of 0 or 1, one per candidate; the log has no labels without it;
    - `truth` (optional): list of true click probabilities, one per candidate;
    - one text column per topic of the source; null or unknown text is no domain.

    `part` names the part that these impressions make up; None if they are still to be divided.
    `file` is their origin, for error messages.
    """

    part: str | None
    histories: pa.Table
    impressions: pa.Table
    file: str


class NewsSource(abc.ABC):
    """Articles, and impressions of them, in raw form."""

    @property
    @abc.abstractmethod
    def topics(self) -> tuple[Topic, ...]:
        """Topics with all their domains; each is a column of the impressions."""

    @property
    @abc.abstractmethod
    def parts(self) -> tuple[str, ...]:
        """Parts as published, or () for one log that is to be divided."""

    @property
    def default_split(self) -> SplitSpec:
        """How impressions are divided by default: as published, else by time."""
        return SplitSpec.given(self.parts) if self.parts else SplitSpec.usual("time")

    @abc.abstractmethod
    def articles(self) -> pa.Table:
        """One row per article, with distinct `article` ids.

        Columns `article` and `title` are required; `subtitle`, `category`, `sentiment` (text),
        `entities` (list of text) and `published` (int64 seconds) are optional. Any value but the
        id may be null.
        """

    @abc.abstractmethod
    def logs(self) -> Iterator[NewsLog]:
        """One log per part in the order of `parts`, or a single one with part None."""

    def counts(self) -> dict[str, int]:
        """Irregularities that the source skipped or corrected while it was read, by name."""
        return {}

"""Settings of an index of article vectors."""

from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.configs.bounds import Count, check
from tfrec_mt.configs.choices import IndexKind


@dataclass(frozen=True, kw_only=True)
class RetrieveConfig:
    """What to index, and where.

    Args:
      export: Folder of one exported version of a news model.
      data: Prepared news, whose users are the queries when the index is measured.
      output: Folder of the index's versions; the new version gets the next free integer.
      articles: Parquet file with the `article` (id) and `title` of new articles.
      refresh: Version of the index to add the new articles to; None indexes the articles of `data`
        and the new ones from scratch.
      index: Kind of index; see `IndexModule`.
      k: Articles per answer.
      queries: Largest number of users that the index is measured with.
      allow_signature_change: Whether clients of the newest version may have to change, as a
        different `k` makes them.
    """

    export: Path
    data: Path
    output: Path
    articles: Path | None = None
    refresh: Path | None = None
    index: IndexKind = "brute_force"
    k: Count = 10
    queries: Count = 200
    allow_signature_change: bool = False

    def __post_init__(self) -> None:
        check(self)

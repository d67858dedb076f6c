"""What an index of article vectors is told."""

from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.configs.bounds import Count, check
from tfrec_mt.configs.choices import IndexKind


@dataclass(frozen=True, kw_only=True)
class RetrieveConfig:
    """What to index where.

    Args:
      export: Folder of one exported version of a news model.
      data: Prepared news, whose users ask when the index is measured.
      output: Folder of the index's versions; the next free integer is taken.
      articles: Parquet file with `article` (id) and `title` of new articles.
      refresh: Version of the index that the new articles are added to; None indexes those of `data`
        and the new ones from scratch.
      index: Kind of index; see `IndexModule`.
      k: Articles in an answer.
      queries: Users that the index is measured with, at most.
      allow_signature_change: Whether clients of the newest version may have to change, as they do
        with another `k`.
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

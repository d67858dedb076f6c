"""Flags that say how rows are divided into parts."""

from typing import cast, get_args

from absl import flags

from tfrec_mt.data.news.news_source import NewsSource
from tfrec_mt.data.source import Source, chosen_split
from tfrec_mt.data.splits import SplitKind, SplitSpec

_SPLIT = flags.DEFINE_enum(
    "split",
    None,
    get_args(SplitKind),
    "How rows are divided: whole days or shares in time order, at random, by request, or as the "
    "source comes divided (given). By default given where it does, else days of generated data, "
    "else time where rows have one, else request where they have one, else random.",
)
_PARTS = flags.DEFINE_string(
    "split_parts",
    None,
    "Parts with their days or shares, or * for all other days; the first is what vocabularies are "
    f"learned from. By default {SplitSpec.usual('days')} of days, the parts that are there of "
    f"given, else {SplitSpec.usual('time')}.",
)


def split_spec(source: Source | NewsSource) -> SplitSpec:
    """The split that the flags name; what they leave out is the source's default.

    Raises:
      SchemaError: `--split=given` of a source that is not divided, or parts that cannot be meant.
    """
    return chosen_split(source, cast(SplitKind | None, _SPLIT.value), _PARTS.value)

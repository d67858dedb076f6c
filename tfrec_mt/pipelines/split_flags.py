"""Flags that say how rows are divided into parts."""

from typing import get_args

from absl import flags

from tfrec_mt.data.splits import SplitKind, SplitSpec

_SPLIT = flags.DEFINE_enum(
    "split",
    "days",
    get_args(SplitKind),
    "How rows are divided: whole days or shares in time order, at random, or by request.",
)
_PARTS = flags.DEFINE_string(
    "split_parts",
    "train:6,fresh:1,test:1",
    "Parts with their days or shares; the first is what vocabularies are learned from.",
)


def split_spec() -> SplitSpec:
    """The split that the flags give."""
    return SplitSpec.parse(_PARTS.value, _SPLIT.value)

"""Flags that say how rows are divided into parts."""

from collections.abc import Sequence
from typing import get_args

from absl import flags

from tfrec_mt.data.splits import SplitKind, SplitSpec
from tfrec_mt.schema import SchemaError

_SPLIT = flags.DEFINE_enum(
    "split",
    "days",
    get_args(SplitKind),
    "How rows are divided: whole days or shares in time order, at random, by request, or as the "
    "source comes divided (given).",
)
_PARTS = flags.DEFINE_string(
    "split_parts",
    "train:6,fresh:1,test:1",
    "Parts with their days or shares; the first is what vocabularies are learned from.",
)


def split_spec(given: Sequence[str] = ()) -> SplitSpec:
    """The split that the flags name.

    Args:
      given: Parts that the source comes divided into.

    Raises:
      SchemaError: `--split=given` of a source that is not divided, or with other parts.
    """
    if _SPLIT.value == "given":
        if not given:
            raise SchemaError("--split=given: the source does not come divided; split otherwise")
        if _PARTS.present:
            raise SchemaError(f"--split_parts: the parts are {', '.join(given)}; leave it out")
        return SplitSpec("given", tuple((name, 1.0) for name in given))
    return SplitSpec.parse(_PARTS.value, _SPLIT.value)

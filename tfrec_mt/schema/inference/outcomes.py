"""Columns that are known only after the label."""

import numpy as np
import numpy.typing as npt
import polars as pl

# Chance must predict this many rows of another value among those whose label is 0.
_EXPECTED = 10.0
# The logarithm of one in a million: a pattern must be less likely than that by chance.
_UNLIKELY = np.log(1e-6)


def outcome(keys: npt.NDArray[np.uint64], label: npt.NDArray[np.bool_]) -> str:
    """How a column gives a label away: `"one value wherever it is 0"`, `"decides it"` or `""`.

    An amount spent has one value wherever nothing was bought; a rating decides a label made of it.
    A model that reads such a column predicts what has already happened.

    Args:
      keys: uint64 [n], equal for equal values.
      label: Bool [n].
    """
    without = keys[~label]
    if not without.size or without.size == label.size:
        return ""
    others = float((keys != without[0]).mean())
    if (without == without[0]).all():
        return "one value wherever it is 0" if others * without.size >= _EXPECTED else ""
    rows = pl.DataFrame({"key": keys, "label": label}).group_by("key")
    groups = rows.agg(pl.len().alias("rows"), pl.col("label").sum().alias("ones"))
    sizes, ones = groups["rows"].to_numpy().astype(np.float64), groups["ones"].to_numpy()
    if not ((ones == 0) | (ones == sizes)).all():
        return ""
    share = label.mean()
    by_chance = np.logaddexp(sizes * np.log(share), sizes * np.log1p(-share)).sum()
    return "decides it" if by_chance < _UNLIKELY else ""

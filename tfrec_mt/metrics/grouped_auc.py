"""AUC within groups (per user, per request), averaged."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfrec_mt.metrics.inputs import as_groups, as_labels, as_scores
from tfrec_mt.schema import SchemaError

Weighting = Literal["rows", "uniform"]

# A row is packed into one 64-bit integer, because sorting plain integers is many times faster
# than sorting row numbers by several columns: group (31 bits), rank (32 bits), label (1 bit).
_RANK_BITS = 32
_MAX_GROUPS = 1 << 31


@dataclass(frozen=True)
class GroupedAUC:
    """A grouped AUC and how much of the data it rests on.

    Args:
      value: The mean AUC, NaN if no group has both classes.
      groups_used: Groups with both classes.
      groups_total: All groups.
    """

    value: float
    groups_used: int
    groups_total: int


def grouped_auc(
    labels: ArrayLike, scores: ArrayLike, groups: ArrayLike, weighting: Weighting = "rows"
) -> GroupedAUC:
    """Mean over groups of the AUC inside each; groups of one class are left out and counted.

    `GAUC = sum_g w_g AUC_g / sum_g w_g` over groups `g` with both classes.

    Args:
      labels: `[B]`, 0 or 1.
      scores: `[B]`, any finite numbers.
      groups: `[B]`, ids of any sortable type.
      weighting: `"rows"` gives `w_g` the group's number of rows, as GAUC is usually reported for
        click models; `"uniform"` gives 1, as is usual for impressions of a news feed.

    Raises:
      DataError: A shape does not fit, a label is not 0 or 1, or a score is not finite.
      SchemaError: Unknown weighting.

    Reference: Zhu et al., Optimized Cost per Click in Taobao Display Advertising, 2017.
    """
    if weighting not in ("rows", "uniform"):
        raise SchemaError(f"weighting must be 'rows' or 'uniform', got {weighting!r}")
    positive = as_labels(labels)
    values = as_scores(scores, positive.size)
    ids, group = np.unique(as_groups(groups, positive.size), return_inverse=True)
    ranks = np.unique(values, return_inverse=True)[1].astype(np.uint32)
    used = mixed_groups(positive, group, ids.size)
    kept = used[group]
    # [U] the used groups, numbered from 0 in ascending order
    number = np.cumsum(used) - 1
    aucs = group_aucs(positive[kept], ranks[kept], number[group[kept]])
    rows = np.bincount(group, minlength=ids.size)[used]
    weights = rows if weighting == "rows" else np.ones(rows.size)
    value = float(weights @ aucs / weights.sum()) if aucs.size else math.nan
    return GroupedAUC(value, int(aucs.size), int(ids.size))


def mixed_groups(
    positive: NDArray[np.bool_], group: NDArray[np.integer], groups: int
) -> NDArray[np.bool_]:
    """Which groups have both classes, `[groups]`, from labels `[B]` and group numbers `[B]`."""
    rows = np.bincount(group, minlength=groups)
    positives = np.bincount(group[positive], minlength=groups)
    return (positives > 0) & (positives < rows)


def group_aucs(
    positive: NDArray[np.bool_],
    ranks: NDArray[np.uint32],
    group: NDArray[np.integer],
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Exact AUC `[G]` of each group, ties counting half.

    Args:
      positive: `[B]` labels.
      ranks: `[B]` integers in the order of the scores; equal scores have equal ranks.
      group: `[B]` group of each row, in `0..G - 1`; each of the G has both classes.
      weights: `[B]`, positive; None counts every row once.

    Raises:
      SchemaError: More groups than 31 bits number.
    """
    if not positive.size:
        return np.zeros(0)
    if int(group.max()) >= _MAX_GROUPS:
        raise SchemaError(f"at most {_MAX_GROUPS} groups at a time, got {int(group.max()) + 1}")
    packed = group.astype(np.uint64) << np.uint64(_RANK_BITS)
    packed = ((packed | ranks) << np.uint64(1)) | positive
    if weights is None:
        packed.sort()
    else:
        order = np.argsort(packed, kind="stable")
        packed, weights = packed[order], weights[order]
    hit = (packed & np.uint64(1)).astype(np.int64)
    tie = packed >> np.uint64(1)
    # [U] first row of each run of equal scores within a group
    runs = np.flatnonzero(np.r_[True, tie[1:] != tie[:-1]])
    if weights is None:
        positives = np.add.reduceat(hit, runs)
        negatives = np.diff(np.r_[runs, packed.size]) - positives
    else:
        positives = np.add.reduceat(weights * hit, runs)
        negatives = np.add.reduceat(weights * (1 - hit), runs)
    of_group = (tie[runs] >> np.uint64(_RANK_BITS)).astype(np.int64)
    # Negatives below each run, counted over all groups, less those of the groups before it.
    below = np.cumsum(negatives) - negatives
    first = np.flatnonzero(np.r_[True, of_group[1:] != of_group[:-1]])
    below -= below[first][of_group]
    wins = np.bincount(of_group, positives * (below + negatives / 2))
    pairs = np.bincount(of_group, positives) * np.bincount(of_group, negatives)
    return np.asarray(wins / pairs, np.float64)

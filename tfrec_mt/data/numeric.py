"""Quantile boundaries and moments of numbers, learned in bounded memory."""

import dataclasses

import numpy as np
import numpy.typing as npt

from tfrec_mt.schema import NumericFeature
from tfrec_mt.schema.features import MOST_DEVIATIONS

SAMPLE_ROWS = 1 << 20


class Moments:
    """Running mean and deviation of numbers, by the update of Chan, Golub and LeVeque (1979)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, values: npt.NDArray[np.float64]) -> None:
        """Adds numbers `[n]`, none of them missing."""
        if not values.size:
            return
        mean = float(values.mean())
        total = self._count + values.size
        shift = mean - self._mean
        self._squares += float(np.square(values - mean).sum())
        self._squares += shift * shift * self._count * values.size / total
        self._mean += shift * values.size / total
        self._count = total

    def mean_and_std(self) -> tuple[float, float]:
        """Mean and deviation; a deviation of 0 counts as 1."""
        variance = self._squares / self._count if self._count else 0.0
        return self._mean, float(np.sqrt(variance)) or 1.0


class NumericLearner:
    """Learns the boundaries or moments of a numeric feature from the rows of the first part.

    Boundaries are quantiles of a sample that the caller draws; moments are over every row.

    Attributes:
      low: The smallest value, None before there is one.
      high: The largest.
      merged: Whether some values share a bucket although there are fewer buckets than asked for.
    """

    def __init__(self, feature: NumericFeature) -> None:
        self._feature = feature
        self._moments = Moments()
        self._sample: list[npt.NDArray[np.float32]] = []
        self.low: float | None = None
        self.high: float | None = None
        self.merged = False

    def add(self, values: npt.NDArray[np.float32], sampled: npt.NDArray[np.bool_]) -> None:
        """Adds values `[n]`, NaN where missing; `sampled` `[n]` marks rows of the sample."""
        present = ~np.isnan(values)
        if present.any():
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)
        if self._feature.buckets is not None:
            self._sample.append(values[present & sampled])
            return
        self._moments.add(values[present].astype(np.float64))

    def learned(self) -> NumericFeature:
        """The feature with its boundaries or moments filled in."""
        if self._feature.buckets is None:
            mean, std = self._moments.mean_and_std()
            return dataclasses.replace(self._feature, mean=mean, std=std)
        sample = np.concatenate([np.zeros(0, np.float32), *self._sample])
        if not sample.size:
            return self._feature
        shares = np.arange(1, self._feature.buckets) / self._feature.buckets
        edges = np.unique(np.quantile(sample, shares).astype(np.float32))
        # an edge at the minimum would leave the bucket below it empty
        edges = edges[edges > sample.min()]
        if len(edges) < len(shares):
            values, counts = np.unique(sample, return_counts=True)
            if len(values) > len(edges) + 1:
                edges = _edges_of_ties(values, counts, self._feature.buckets)
                self.merged = len(edges) < min(self._feature.buckets, len(values)) - 1
        boundaries = tuple(float(edge) for edge in edges)
        return dataclasses.replace(self._feature, boundaries=boundaries)


def _edges_of_ties(
    values: npt.NDArray[np.float32], counts: npt.NDArray[np.int64], buckets: int
) -> npt.NDArray[np.float32]:
    """Bucket edges for values of which some are so frequent that quantiles coincide.

    A value that fills a bucket has it to itself; the others share the rest evenly.

    Args:
      values: The distinct values, ascending.
      counts: Rows of each.
      buckets: How many buckets there may be.
    """
    if len(values) <= buckets:
        return values[1:]
    below = np.concatenate([[0], np.cumsum(counts)])
    starts = [0]
    for left in range(buckets, 1, -1):
        start = starts[-1]
        target = below[start] + (below[-1] - below[start]) / left
        place = int(np.searchsorted(below, target))
        if place > start + 1 and target - below[place - 1] <= below[place] - target:
            place -= 1
        if place >= len(values):
            break
        starts.append(place)
    return values[starts[1:]]


def sample_share(rows: int) -> float:
    """The share of rows to draw for a sample of about `SAMPLE_ROWS` of a log of `rows` rows."""
    return min(1.0, SAMPLE_ROWS / max(rows, 1))


def encode_numeric(
    feature: NumericFeature, values: npt.NDArray[np.float32]
) -> npt.NDArray[np.int32] | npt.NDArray[np.float32]:
    """Encodes numbers as bucket codes or as standardised numbers.

    `values` is float32 `[n]`, NaN where missing. With `buckets`, int32 `[n]`: 0 where missing, else
    one plus the number of boundaries at or below the value. Without, float32 `[n]`:
    `(x - mean) / std`, at most `MOST_DEVIATIONS` from 0, 0.0 where missing.
    """
    missing = np.isnan(values)
    if feature.buckets is None:
        most = np.float32(MOST_DEVIATIONS)
        with np.errstate(over="ignore"):
            scaled = (values - np.float32(feature.mean)) / np.float32(feature.scale)
        return np.where(missing, np.float32(0), scaled.clip(-most, most))
    boundaries = np.asarray(feature.boundaries, dtype=np.float32)
    codes = np.searchsorted(boundaries, values, side="right").astype(np.int32) + 1
    return np.where(missing, np.int32(0), codes)

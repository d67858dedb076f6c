"""Checks of the inputs of metrics; `where` names the argument in errors."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfrec_mt.schema import DataError


def as_labels(labels: ArrayLike, where: str = "labels") -> NDArray[np.bool_]:
    """Labels `[B]` as booleans.

    Raises:
      DataError: Not one-dimensional, or a value other than 0 and 1.
    """
    values = _one_dimensional(labels, where)
    positive = values == 1
    wrong = np.flatnonzero(~(positive | (values == 0)))
    if wrong.size:
        raise DataError(f"{where}: expected 0 or 1, got {values[wrong[0]]} at row {wrong[0]}")
    return np.asarray(positive, np.bool_)


def as_partial_labels(
    labels: ArrayLike, binary: bool, where: str = "labels"
) -> NDArray[np.float32]:
    """Labels `[B]` of which some may be missing, as NaN.

    Raises:
      DataError: Not one-dimensional, or a value that is no such label.
    """
    values = _one_dimensional(labels, where).astype(np.float32)
    fits = (values == 0) | (values == 1) if binary else np.isfinite(values)
    wrong = np.flatnonzero(~(fits | np.isnan(values)))
    if wrong.size:
        expected = "0 or 1" if binary else "a finite number"
        raise DataError(f"{where}: expected {expected}, got {values[wrong[0]]:g} at row {wrong[0]}")
    return values


def as_scores(scores: ArrayLike, rows: int, where: str = "scores") -> NDArray[np.float64]:
    """Finite scores `[B]`, one for each of `rows`.

    Raises:
      DataError: Another shape, NaN or infinity.
    """
    values = as_groups(scores, rows, where).astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise DataError(f"{where}: expected finite, got {values[wrong[0]]} at row {wrong[0]}")
    return values


def as_probabilities(scores: ArrayLike, rows: int, where: str = "scores") -> NDArray[np.float64]:
    """Probabilities `[B]`, one for each of `rows`.

    Raises:
      DataError: Another shape, or a value that is not within [0, 1].
    """
    values = as_scores(scores, rows, where)
    wrong = np.flatnonzero((values < 0) | (values > 1))
    if wrong.size:
        raise DataError(
            f"{where}: expected a probability in [0, 1], got {values[wrong[0]]} at row {wrong[0]}"
        )
    return values


def as_groups(groups: ArrayLike, rows: int, where: str = "groups") -> NDArray[np.generic]:
    """Group ids `[B]` of any sortable type, one for each of `rows`.

    Raises:
      DataError: Another shape.
    """
    values = _one_dimensional(groups, where)
    if values.size != rows:
        raise DataError(f"{where}: expected {rows} rows, got {values.size}")
    return values


def as_ids(ids: ArrayLike, rows: int, where: str) -> NDArray[np.int64]:
    """Integer ids `[B]`, one for each of `rows`.

    Raises:
      DataError: Another shape or type.
    """
    values = as_groups(ids, rows, where)
    if values.size and not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"{where}: expected integer ids, got {values.dtype}")
    return values.astype(np.int64)


def as_codes(codes: ArrayLike, rows: int, topic: str, domains: int) -> NDArray[np.int64]:
    """Domain codes `[B]` of a topic, one for each of `rows`: 0 for none, else up to `domains`.

    Raises:
      DataError: Another shape or type, or a code out of range.
    """
    where = f"domains of topic {topic!r}"
    values = as_ids(codes, rows, where)
    wrong = np.flatnonzero((values < 0) | (values > domains))
    if wrong.size:
        raise DataError(f"{where}: expected 0..{domains}, got {values[wrong[0]]} at row {wrong[0]}")
    return values


def _one_dimensional(values: ArrayLike, where: str) -> NDArray[np.generic]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"{where}: expected shape [B], got {list(array.shape)}")
    return array

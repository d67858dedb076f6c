"""Cuts the histories of a batch out of the stored events."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.schema import SchemaError
from tfrec_mt.schema.features import AGE_ROWS
from tfrec_mt.schema.schema import HISTORY_AGE, HISTORY_PREFIX


class HistoryWindows:
    """Cuts out the newest `L` clicks of rows.

    A history is a contiguous slice of the events that starts with the newest, so a row costs one
    copy per element. Places beyond the end of the history are set to 0 afterwards.

    Args:
      dataset: A dataset with a history.
      length: Clicks per row `L`; None takes the schema's.

    Raises:
      SchemaError: The dataset has no history.
      ValueError: `L` is not in `1 .. history.length`.
    """

    def __init__(self, dataset: PreparedDataset, length: int | None = None) -> None:
        history = dataset.schema.history
        if history is None:
            raise SchemaError(f"{dataset.path}: the schema has no history")
        self.length = history.length if length is None else length
        if not 1 <= self.length <= history.length:
            raise ValueError(
                f"history_length must be in 1..{history.length} (the schema's), got {length}"
            )
        self._elements = {
            HISTORY_PREFIX + name: sliding_window_view(codes, self.length)
            for name, codes in dataset.event_elements().items()
        }
        self._timestamps = (
            sliding_window_view(dataset.event_timestamps(), self.length)
            if history.time_gaps
            else None
        )

    def cut(
        self,
        starts: npt.NDArray[np.int64],
        lengths: npt.NDArray[np.int32],
        timestamps: npt.NDArray[np.int64] | None,
    ) -> dict[str, npt.NDArray[Any]]:
        """`history_<element>` of rows and, with time gaps, `history_age`, int32 `[n, L]`.

        Args:
          starts: First event of each row, int64 `[n]`.
          lengths: Events of each row before any cap, int32 `[n]`.
          timestamps: Seconds of each row, int64 `[n]`; needed for time gaps.
        """
        held = np.arange(self.length, dtype=np.int32) < lengths[:, None]
        features: dict[str, npt.NDArray[Any]] = {}
        for name, windows in self._elements.items():
            codes = windows[starts]
            features[name] = np.multiply(codes, held, out=codes)
        if self._timestamps is not None and timestamps is not None:
            ages = timestamps[:, None] - self._timestamps[starts]
            codes = age_codes(ages)
            features[HISTORY_AGE] = np.multiply(codes, held, out=codes)
        return features


def age_codes(seconds: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Codes of ages: int32 `1 + min(31, floor(log2(1 + seconds)))`; 0 is left for padding.

    `seconds` are int64 of any shape, at least 0 and below 2^52.
    """
    # the exponent of a float64 is the exact binary logarithm, rounded down
    codes = (seconds + 1.0).view(np.int64)
    codes >>= 52
    codes -= 1022  # the exponent's bias of 1023, less one for padding
    return np.minimum(codes, AGE_ROWS - 1, out=codes).astype(np.int32)

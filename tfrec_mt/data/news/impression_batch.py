"""`ImpressionBatch`: whole impressions, as evaluation reads them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class ImpressionBatch:
    """Impressions with all their candidates, as rows of articles.

    `B` impressions, `H` clicks of history, `N` candidates, impression after impression.

    Args:
      history: int32 `[B, H]` article rows, newest first, then 0.
      history_length: int32 `[B]` clicks of history that are shown.
      offsets: int64 `[B + 1]`; impression b has the candidates `offsets[b] .. offsets[b + 1] - 1`.
      candidates: int32 `[N]` article rows.
      clicked: bool `[N]`, or None for a part without labels.
      truth: float32 `[N]` true click probability, or None where unknown.
      age_hours: float32 `[N]` hours from publication to impression, 0 if unknown.
      domains: By topic, int32 `[B]` domain codes, 0 = unknown.
      user, impression: int64 `[B]` keys.
      time: int64 `[B]` seconds since 1970.
    """

    history: npt.NDArray[np.int32]
    history_length: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    candidates: npt.NDArray[np.int32]
    clicked: npt.NDArray[np.bool_] | None
    truth: npt.NDArray[np.float32] | None
    age_hours: npt.NDArray[np.float32]
    domains: dict[str, npt.NDArray[np.int32]]
    user: npt.NDArray[np.int64]
    impression: npt.NDArray[np.int64]
    time: npt.NDArray[np.int64]

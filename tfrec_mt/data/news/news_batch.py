"""`NewsBatch`: impressions as the news models read them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True)
class NewsBatch:
    """A batch of impressions that lists each title once.

    `B` impressions, `U` titles, `T` word pieces, `H` clicks of history, `C` candidates, `E`
    entities.

    Args:
      tokens: int32 `[U, T]` word-piece ids of the distinct titles, from [CLS] to [SEP], then 0. T
        is the longest title of the batch, rounded up to a multiple of 8. Title 0 is the empty
        title, for padding. U is rounded up to a multiple of 16 with title 0, so that compiled
        shapes repeat.
      article: int32 `[U]` article row of each title, 0 for padding.
      in_history: bool `[U]`, whether a history of the batch holds the title; the auxiliary losses
        use these.
      category, sentiment: int32 `[U]` codes, 0 = missing (no loss).
      entities: float32 `[U, E]`, 1 for each known entity of the article.
      history: int32 `[B, H]` places in the U titles, newest first, then 0.
      history_length: int32 `[B]` clicks of history that are shown.
      candidates: int32 `[B, C]` places in the U titles, the clicked one first, then unclicked ones
        of the same impression, then 0.
      candidate_mask: bool `[B, C]`, False where the impression has fewer unclicked candidates.
      age_hours: float32 `[B, C]` hours from publication to impression, 0 if unknown.
      domains: By topic, int32 `[B]` domain codes, 0 = unknown.
      user, impression: int64 `[B]` keys.
    """

    tokens: Int32s
    article: Int32s
    in_history: npt.NDArray[np.bool_]
    category: Int32s
    sentiment: Int32s
    entities: npt.NDArray[np.float32]
    history: Int32s
    history_length: Int32s
    candidates: Int32s
    candidate_mask: npt.NDArray[np.bool_]
    age_hours: npt.NDArray[np.float32]
    domains: dict[str, npt.NDArray[Any]]
    user: npt.NDArray[np.int64]
    impression: npt.NDArray[np.int64]

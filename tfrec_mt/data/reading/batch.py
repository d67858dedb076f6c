"""`Batch`: rows as models read them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
# Tells which users, given by the key `user`, are chosen.
Users = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.bool_]]


def slice_of_worker(batch_size: int, worker: int, workers: int) -> slice:
    """Which rows of a batch are a worker's.

    Raises:
      ValueError: A worker out of range, or a batch that workers cannot share equally.
    """
    if batch_size < 1 or workers < 1 or batch_size % workers:
        raise ValueError(
            "batch_size must be a positive multiple of the number of workers, "
            f"got {batch_size} and {workers}"
        )
    if not 0 <= worker < workers:
        raise ValueError(f"worker must be in 0..{workers - 1}, got {worker}")
    share = batch_size // workers
    return slice(worker * share, (worker + 1) * share)


@dataclass(frozen=True)
class Batch:
    """Rows of a prepared dataset; `...` stands for `[B]` or `[steps, B]`.

    Args:
      features: By feature: int32 codes `[...]`, `[..., max_values]` for a bag, float32 `[...]` for
        a number that is passed through. By topic: int32 domain codes `[...]`, 0 for none.
        `history_<element>`: int32 codes `[..., L]`, newest first, then 0. With time gaps
        `history_age`: int32 codes `[..., L]`, see `age_codes`.
      labels: By task, float32 `[...]`, NaN where there is no label; and if the schema names one,
        as `ROW_WEIGHT` how much a row counts.
      keys: int64 `[...]`: `user`, and where the schema names them `request` and `timestamp`.
      truth: By task, float32 `[...]`: the true probability, where known.
    """

    features: Arrays
    labels: Arrays
    keys: Arrays
    truth: Arrays

    def only(self, chosen: npt.NDArray[Any]) -> "Batch":
        """Rows chosen on the first axis, by a mask or by places."""
        groups = ({k: v[chosen] for k, v in group.items()} for group in self.groups)
        return Batch(*groups)

    @property
    def groups(self) -> tuple[Arrays, Arrays, Arrays, Arrays]:
        """Features, labels, keys and truth."""
        return self.features, self.labels, self.keys, self.truth

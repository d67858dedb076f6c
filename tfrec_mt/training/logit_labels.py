"""`logit_labels`: labels on the scale of a model's logits."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.schema import Task


def logit_labels(
    task: Task, labels: Mapping[str, NDArray[np.floating]], chained: bool
) -> NDArray[np.float64]:
    """The target of a task's logit for each row, float64 `[n]`; NaN where there is none.

    Args:
      task: The task.
      labels: By task, `[n]`, NaN for none.
      chained: Whether a task's logit is conditional on its outer task, and then asked about the
        rows of that alone; see `outputs`.
    """
    found = labels[task.name].astype(np.float64)
    if not task.binary:
        found = ((np.log1p(found) if task.loss == "squared_log" else found) - task.mean) / task.std
    elif chained and task.within is not None:
        found = np.where(labels[task.within] == 1, found, np.nan)
    return found

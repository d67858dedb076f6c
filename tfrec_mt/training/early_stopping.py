"""`EarlyStopping`: when further epochs stop paying."""

import math
from collections.abc import Sequence


class EarlyStopping:
    """Watches one validation value per epoch, higher is better.

    Args:
      patience: Epochs in a row without a new best after which to stop, at least 1.
      values: Values of the epochs so far, in a resumed run.
    """

    def __init__(self, patience: int, values: Sequence[float] = ()) -> None:
        self.patience = patience
        self.values = list(values)

    def add(self, value: float) -> bool:
        """Notes an epoch's value; returns whether it is better than every one before.

        Raises:
          ValueError: The value is not a number.
        """
        if math.isnan(value):
            raise ValueError(
                f"the validation value of epoch {len(self.values) + 1} is not a number; does the "
                "validation part have rows of both classes?"
            )
        better = value > max(self.values, default=-math.inf)
        self.values.append(value)
        return better

    @property
    def should_stop(self) -> bool:
        """Whether the best epoch lies `patience` epochs or more back."""
        if not self.values:
            return False
        return len(self.values) - 1 - self.values.index(max(self.values)) >= self.patience

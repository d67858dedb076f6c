"""`TrainConfig`: how long and in what portions a run trains."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of the training loop.

    Args:
      batch_size: Rows of a step, over all workers.
      epochs: Passes over the training parts.
      steps_per_call: Steps that run without returning to Python.
      checkpoint_every: Steps between checkpoints; there is always one at the end.
      patience: Epochs without a better validation value before stopping; 0 never stops early.
      seed: Seed of weights, batch order and dropout.
    """

    batch_size: int = 512
    epochs: int = 1
    steps_per_call: int = 8
    checkpoint_every: int = 2000
    patience: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        lowest = {"batch_size": 1, "epochs": 1, "steps_per_call": 1, "checkpoint_every": 1}
        for name, low in (lowest | {"patience": 0, "seed": 0}).items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise ValueError(f"{name} must be a whole number of at least {low}, got {value!r}")

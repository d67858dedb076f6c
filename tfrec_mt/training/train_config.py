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

    batch_size: int = 1024
    epochs: int = 1
    steps_per_call: int = 32
    checkpoint_every: int = 2000
    patience: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs", "steps_per_call", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.patience < 0 or self.seed < 0:
            raise ValueError(
                f"patience and seed must not be negative, got {self.patience} and {self.seed}"
            )
